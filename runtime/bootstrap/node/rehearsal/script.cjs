"use strict";
exports.handler = async () => ({ statusCode: 200, body: "rehearsal" });
//# sourceMappingURL=code.map
