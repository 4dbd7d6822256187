/**
 * The way to the kernel's netlink sockets, and the only importer of node-netlink.
 *
 * node-netlink 0.0.4 is unsafe when used bare. What it does, and what is done here about it:
 * - any message that arrives wipes all other pending requests: one request in flight a socket;
 * - it takes a notification for an answer (its test for sequence 0 compares a BigInt with a Number) and writes two
 *   lines with console.warn for each: its own listener is taken off the emitter, ours looks at the port id instead
 *   and calls the library's only with the end of an answer; nobody's console is touched for that;
 * - its receive loop ends for ever on ENOBUFS and on an exception in a listener (one console.error line, which stays):
 *   our listener cannot throw, a ping finds a dead loop, the socket is opened again and `resynced` tells it;
 * - sockets leak into child processes and have a small buffer: set right after opening, by way of /proc;
 * - every socket parks a thread of libuv's pool: a process opens one `Netlink`, which has two sockets.
 *
 * A request that was not answered in time may have been applied: NETLINK_FAILED with `errno` ETIMEDOUT means
 * "unknown", and the caller reads the state again.
 */
import type { EventEmitter } from 'node:events';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { getSystemErrorName } from 'node:util';
import type { NetlinkPacket, NetlinkSocket, PacketListener } from 'node-netlink';
import { type Clock, type Closeable, describeError, isWeirError, type Log, Signal, WeirError } from '#base';
import { parseAttributes, readText } from './netlink-codec.ts';
import { SerialQueue } from './serial-queue.ts';
import { notBuilt, openSyscalls, type Syscalls } from './syscalls.ts';

const NETLINK_ROUTE = 0;
const NLM_F_REQUEST = 0x1;
const NLM_F_ACK = 0x4;
const NLM_F_DUMP = 0x300;
/** On an answer: the table changed while it was dumped. */
const NLM_F_DUMP_INTR = 0x10;
/** On an error: the request's payload is not repeated in it. */
const NLM_F_CAPPED = 0x100;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLMSG_HEADER_BYTES = 16;
const NLMSGERR_ATTR_MSG = 1;
const RTM_GETLINK = 18;
const IFINFOMSG_BYTES = 16;
const LOOPBACK_IFINDEX = 1;

const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;

const REQUEST_TIMEOUT_MS = 3000;
const PING_TIMEOUT_MS = 1000;
const PING_PERIOD_MS = 1000;
/** A flood of 3,000 changes while the event loop is busy must fit. */
const RECEIVE_BUFFER_BYTES = 4 << 20;
const DUMP_TRIES = 5;

export interface NetlinkMessage {
  readonly type: number;
  readonly payload: Buffer;
}

export interface NetlinkRequest {
  /** What is asked, for the error: `add address 192.0.2.1/24 to wan0`. */
  readonly what: string;
  readonly type: number;
  readonly flags?: number;
  readonly payload: Buffer;
}

/** One socket of the library, made safe. */
class Channel {
  readonly #socket: NetlinkSocket;
  readonly #queue = new SerialQueue();
  readonly #onNotice: (message: NetlinkMessage) => void;
  #endRequest: PacketListener = () => {};
  #answer: { readonly messages: NetlinkMessage[]; interrupted: boolean; end: NetlinkPacket | undefined } = {
    messages: [],
    interrupted: false,
    end: undefined,
  };

  private constructor(socket: NetlinkSocket, onNotice: (message: NetlinkMessage) => void) {
    this.#socket = socket;
    this.#onNotice = onNotice;
  }

  static async open(
    syscalls: Syscalls,
    groups: number,
    onNotice: (message: NetlinkMessage) => void,
  ): Promise<Channel> {
    const { default: library } = await import('node-netlink').catch(notBuilt);
    const socket = await library.open({ family: NETLINK_ROUTE, groups });
    const channel = new Channel(socket, onNotice);
    const emitter: EventEmitter = socket.on('message', (packet) => channel.#receive(packet));
    const [theirs] = emitter.listeners('message') as PacketListener[];
    if (theirs) {
      channel.#endRequest = theirs;
      emitter.off('message', theirs);
    }
    try {
      await prepare(syscalls, socket.nl_pid);
      return channel;
    } catch (error) {
      await channel.close();
      throw error;
    }
  }

  /** The messages of the answer, without its end. */
  request(request: NetlinkRequest, timeoutMs: number): Promise<readonly NetlinkMessage[]> {
    return this.#queue.run(async () => {
      const answer = { messages: [], interrupted: false, end: undefined as NetlinkPacket | undefined };
      this.#answer = answer;
      const flags = BigInt(NLM_F_REQUEST | NLM_F_ACK | (request.flags ?? 0));
      const header = { nlmsg_type: BigInt(request.type), nlmsg_flags: flags };
      await this.#socket
        .tryTalk({ header, payload: request.payload }, { timeout: timeoutMs })
        .catch((cause) => {
          throw failure(request.what, 'ETIMEDOUT', undefined, cause);
        });
      const { errno, text } = readEnd(answer.end);
      if (errno !== 0) throw failure(request.what, getSystemErrorName(errno), text);
      if (answer.interrupted) throw failure(request.what, 'EINTR', 'changed while it was read');
      return answer.messages;
    });
  }

  close(): Promise<void> {
    return this.#socket.close();
  }

  /** Never throws: an exception here would end the library's receive loop. */
  #receive(packet: NetlinkPacket): void {
    const { nlmsg_type, nlmsg_flags, nlmsg_pid } = packet.header;
    const type = Number(nlmsg_type);
    // Answers carry our port id; notifications carry 0 or that of whoever made the change.
    if (nlmsg_pid !== this.#socket.nl_pid) {
      this.#onNotice({ type, payload: packet.payload });
      return;
    }
    if (Number(nlmsg_flags) & NLM_F_DUMP_INTR) this.#answer.interrupted = true;
    if (type === NLMSG_ERROR || type === NLMSG_DONE) {
      this.#answer.end = packet;
      this.#endRequest(packet);
    } else {
      this.#answer.messages.push({ type, payload: packet.payload });
    }
  }
}

/** NLMSG_ERROR: errno i32, header of the request (and its payload unless capped), attributes. NLMSG_DONE: errno i32. */
function readEnd(end: NetlinkPacket | undefined): { errno: number; text: string | undefined } {
  if (!end || end.payload.length < 4) return { errno: 0, text: undefined };
  const errno = end.payload.readInt32LE(0);
  const type = Number(end.header.nlmsg_type);
  if (errno === 0 || type !== NLMSG_ERROR || end.payload.length < 4 + NLMSG_HEADER_BYTES) {
    return { errno, text: undefined };
  }
  const capped = (Number(end.header.nlmsg_flags) & NLM_F_CAPPED) !== 0;
  const repeated = capped ? NLMSG_HEADER_BYTES : (end.payload.readUInt32LE(4) + 3) & ~3;
  return { errno, text: readText(parseAttributes(end.payload.subarray(4 + repeated)), NLMSGERR_ATTR_MSG) };
}

function failure(what: string, errno: string, text: string | undefined, cause?: unknown): WeirError {
  const message = `the kernel did not ${what}: ${text ? `${errno}, ${text}` : errno}`;
  const fields = { errno, asked: what };
  if (errno === 'EPERM') {
    const advice = 'run as root, or with CAP_NET_ADMIN';
    return new WeirError('MISSING_RIGHTS', message, { fields, advice, cause });
  }
  return new WeirError('NETLINK_FAILED', message, { fields, cause });
}

/** True when `error` is the kernel's refusal with this errno. */
export function isErrno(error: unknown, ...errnos: readonly string[]): boolean {
  return isWeirError(error) && errnos.includes(String(error.fields.errno));
}

/** Finds the socket's descriptor, which the library does not tell, by its port id, and sets it up. */
async function prepare(syscalls: Syscalls, portId: bigint): Promise<void> {
  const table = await readFile('/proc/self/net/netlink', 'utf8');
  // sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode
  const row = table
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .find(([, protocol, port]) => Number(protocol) === NETLINK_ROUTE && port === String(portId));
  const link = `socket:[${row?.[9]}]`;
  for (const name of await readdir('/proc/self/fd')) {
    const target = await readlink(`/proc/self/fd/${name}`).catch(() => undefined);
    if (target !== link) continue;
    const fd = Number(name);
    syscalls.closeOnExec(fd);
    // Refused in a user namespace: the socket then works with the system's default buffer.
    syscalls.setSocketOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES);
    for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK]) {
      syscalls.setSocketOption(fd, SOL_NETLINK, option, 1);
    }
    return;
  }
  throw new WeirError('NETLINK_FAILED', 'our netlink socket is not in /proc/self/fd', {
    advice: 'mount /proc for this process and network namespace',
  });
}

/** Requests to the kernel and notices from it (NETLINK_ROUTE), of the network namespace the process is in. */
export class Netlink implements Closeable {
  /** A notification of a group that was asked for. */
  readonly notice: Signal<NetlinkMessage>;
  /** Notifications may have been lost: read everything again. */
  readonly resynced: Signal<{ readonly cause: string }>;
  readonly #log: Log;
  readonly #groups: number;
  readonly #syscalls: Syscalls;
  /** Opening and closing of sockets, one step at a time. */
  readonly #opening = new SerialQueue();
  #requests: Channel | undefined;
  #notices: Channel | undefined;
  #ping: Disposable | undefined;
  #pinging: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  private constructor(syscalls: Syscalls, groups: number, log: Log) {
    this.#syscalls = syscalls;
    this.#groups = groups;
    this.#log = log;
    const listenerFailed = (error: unknown) =>
      log.error('netlink listener failed', { error: describeError(error) });
    this.notice = new Signal(listenerFailed);
    this.resynced = new Signal(listenerFailed);
  }

  /** `groups`: bit mask of RTMGRP_*. Rejects with DATAPATH_NOT_BUILT when the addons are not compiled. */
  static async open(options: { groups: number; log: Log; clock: Clock }): Promise<Netlink> {
    const netlink = new Netlink(await openSyscalls(), options.groups, options.log);
    try {
      netlink.#requests = await netlink.#openChannel(0);
      netlink.#notices = await netlink.#openChannel(options.groups);
    } catch (error) {
      await netlink.close();
      throw error;
    }
    let answered = true;
    netlink.#ping = options.clock.every(PING_PERIOD_MS, () => {
      if (!answered) return;
      answered = false;
      netlink.#pinging = netlink.#checkNotices().finally(() => {
        answered = true;
      });
    });
    return netlink;
  }

  /** The answer to one request. See above for what ETIMEDOUT means. */
  async request(request: NetlinkRequest): Promise<readonly NetlinkMessage[]> {
    const channel = await this.#requestChannel(request.what);
    try {
      return await channel.request(request, REQUEST_TIMEOUT_MS);
    } catch (error) {
      if (isErrno(error, 'ETIMEDOUT')) await this.#dropRequests(channel);
      throw error;
    }
  }

  /** A whole table. Read again when it changed meanwhile. */
  async dump(request: NetlinkRequest): Promise<readonly NetlinkMessage[]> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.request({ ...request, flags: (request.flags ?? 0) | NLM_F_DUMP });
      } catch (error) {
        if (attempt === DUMP_TRIES || !isErrno(error, 'EINTR', 'ETIMEDOUT')) throw error;
      }
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#shutdown();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #shutdown(): Promise<void> {
    this.#ping?.[Symbol.dispose]();
    await this.#pinging;
    await this.#opening.run(async () => {
      const open = [this.#requests, this.#notices];
      this.#requests = undefined;
      this.#notices = undefined;
      await Promise.all(open.map((channel) => channel?.close()));
    });
  }

  /** The channel for requests; opened again where the last one was dropped. */
  #requestChannel(what: string): Promise<Channel> {
    return this.#opening.run(async () => {
      if (this.#closing) throw new WeirError('ALREADY_CLOSED', `netlink is closed: ${what}`);
      this.#requests ??= await this.#openChannel(0);
      return this.#requests;
    });
  }

  /** Two requests that time out one after the other on the same socket drop it once. */
  #dropRequests(dead: Channel): Promise<void> {
    return this.#opening.run(async () => {
      if (this.#requests !== dead) return;
      this.#requests = undefined;
      this.#log.warn('netlink socket opened again', { socket: 'requests' });
      await dead.close();
    });
  }

  #openChannel(groups: number): Promise<Channel> {
    return Channel.open(this.#syscalls, groups, (message) => this.notice.emit(message));
  }

  /** Asks for the loopback NIC over the socket for notices: no answer means that its receive loop has ended. */
  async #checkNotices(): Promise<void> {
    const payload = Buffer.alloc(IFINFOMSG_BYTES);
    payload.writeInt32LE(LOOPBACK_IFINDEX, 4);
    try {
      if (!this.#notices) throw new WeirError('NETLINK_FAILED', 'it could not be opened');
      await this.#notices.request({ what: 'answer a ping', type: RTM_GETLINK, payload }, PING_TIMEOUT_MS);
    } catch (error) {
      await this.#reopenNotices(describeError(error)).catch((again) => {
        this.#log.error('netlink socket stays closed', { error: describeError(again) });
      });
    }
  }

  async #reopenNotices(cause: string): Promise<void> {
    await this.#opening.run(async () => {
      this.#log.warn('netlink socket opened again', { socket: 'notices', cause });
      const dead = this.#notices;
      this.#notices = undefined;
      await dead?.close();
      this.#notices = await this.#openChannel(this.#groups);
    });
    if (!this.#closing) this.resynced.emit({ cause });
  }
}
