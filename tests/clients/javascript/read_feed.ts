// Logs in, and prints what the first post of the feed says. Arguments: URL, name, password.
import { client } from "./client/client.gen";
import { getFeed, logIn } from "./client/sdk.gen";

declare const process: { argv: string[]; exit(status: number): never };

async function main([baseUrl, username, password]: string[]): Promise<void> {
  client.setConfig({ baseUrl, throwOnError: true });
  const login = await logIn({ body: { username, password }, throwOnError: true });
  client.setConfig({ auth: login.data.access });
  const feed = await getFeed({ throwOnError: true });
  console.log(feed.data.results[0].content);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
