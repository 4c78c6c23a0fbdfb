// A gateway that is started with few descriptors: prints its port.
import { createGateway } from '../../../dist/index.js';

const gateway = createGateway({ listen: { port: 0 }, records: false });
gateway.get('/', () => 'here');
const { port } = await gateway.listen(JSON.parse(process.argv[2] ?? '{}'));
process.stdout.write(`${port}\n`);
