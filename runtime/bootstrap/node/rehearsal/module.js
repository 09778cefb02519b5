import { createRequire } from 'node:module';
export const require = createRequire(import.meta.url);
export const handler = async () => ({ statusCode: 200, body: 'rehearsal' });
//# sourceMappingURL=code.map
