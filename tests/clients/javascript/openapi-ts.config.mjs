// With zod, the client checks what it sends and gets by the patterns of openapi.yaml.
export default {
  input: "./openapi.yaml",
  output: "./client",
  plugins: [
    "@hey-api/client-fetch",
    "@hey-api/typescript",
    "zod",
    { name: "@hey-api/sdk", validator: true },
  ],
};
