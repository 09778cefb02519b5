export const handler = async () => ({ statusCode: 200, body: "rehearsal" });
//# sourceMappingURL=code.map
