/** `PORT FOLDER`: who else has PORT open, as seen by this process alone, and with the verbs in FOLDER; as JSON. */
import { LinuxRootVerbs } from '../../hal/linux/root-verbs.ts';
import { LinuxSerialPorts } from '../../hal/linux/serial-ports.ts';

const [path = '', folder = ''] = process.argv.slice(2);
const seen = [];
for (const options of [{}, { rootVerbs: new LinuxRootVerbs({ folder }) }]) {
  await using port = await new LinuxSerialPorts(options).open({ path, baud: 115_200 });
  seen.push((await port.otherHolders()).map(({ program }) => program));
}
console.log(JSON.stringify(seen));
