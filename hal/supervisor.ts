/** Who started this process and restarts it: systemd on the box, nobody on a developer's machine. */
export interface Supervisor {
  /** It restarts a process that shows no sign of life for so long; undefined when it does not watch. */
  readonly patienceMs: number | undefined;
  /** What was started is ready to serve. */
  ready(): void;
  /** A sign of life. Only what shows that the process does its work may send it. */
  alive(): void;
  /** One line that it shows beside the process. */
  status(text: string): void;
  /** An orderly end has begun. */
  stopping(): void;
}
