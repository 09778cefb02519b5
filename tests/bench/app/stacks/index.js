import { Bench } from './bench.js';

export default function main(app) {
	app.setDefaultFunctionProps({ runtime: 'nodejs18.x', bundle: { format: 'esm' } });
	app.stack(Bench);
}
