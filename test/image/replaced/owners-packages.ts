import { appendFileSync, cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What is LGPL, and where each says that it is the owner's: a file of JavaScript, or of an addon that is compiled from it. */
const packages = {
  'node-netlink': 'lib/index.js',
  'syscall-napi': 'native/syscall.c',
  buffer2address: 'native/buffer2address.c',
} as const;
export type OwnersPackage = keyof typeof packages;
export const ownersPackages = Object.keys(packages) as readonly OwnersPackage[];

/** Said on the gateway's serial port by code that is loaded. */
export const saying = (name: OwnersPackage): string => `${name} of the owner is loaded`;

const port = '/dev/weir-console';

/** Run by the dynamic loader. */
const inC = (text: string): string => `
#include <fcntl.h>
#include <unistd.h>
__attribute__((constructor)) static void say_whose_this_is(void) {
  static const char text[] = "\\r\\n${text}\\r\\n";
  int port = open("${port}", O_WRONLY | O_NOCTTY | O_CLOEXEC);
  if (port < 0) return;
  ssize_t written = write(port, text, sizeof text - 1);
  (void)written;
  close(port);
}
`;

const inJavaScript = (text: string): string =>
  `import { writeFileSync as sayWhoseThisIs } from "node:fs";\nsayWhoseThisIs("${port}", "\\r\\n${text}\\r\\n");\n`;

/** Makes a version of the package in `modules`, as its owner might change it, in `folder`; where it is. */
export function makeOwnersPackage(name: OwnersPackage, modules: string, folder: string): string {
  const made = join(folder, name);
  cpSync(join(modules, name), made, { recursive: true });
  const file = join(made, packages[name]);
  if (file.endsWith('.c')) appendFileSync(file, inC(saying(name)));
  else writeFileSync(file, `${inJavaScript(saying(name))}${readFileSync(file, 'utf8')}`);
  return made;
}
