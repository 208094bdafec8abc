// The Runtime API, with as little as Node.js needs for it: less than AWS's own runtime does.

import http from "node:http";

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true });

function exchange(method, path, body) {
  return new Promise((resolve, reject) => {
    const request = http.request({ host, port, agent, method, path: `/2018-06-01/runtime/invocation/${path}` }, (answer) => {
      const chunks = [];
      answer.on("data", (chunk) => chunks.push(chunk));
      answer.on("end", () => resolve({ headers: answer.headers, body: Buffer.concat(chunks).toString() }));
    });
    request.on("error", reject);
    request.end(body);
  });
}

export async function run(handler) {
  for (;;) {
    const { headers, body } = await exchange("GET", "next");
    const requestId = headers["lambda-runtime-aws-request-id"];
    const answer = await handler(JSON.parse(body), requestId);
    await exchange("POST", `${requestId}/response`, JSON.stringify(answer));
  }
}
