// An authorization server on loopback (oidc-provider) for tests of the protected resource: signed
// and opaque access tokens for a resource that is asked for by name, bound to a key when a proof
// comes with the request, introspection, metadata and keys. Run from the folder of node_modules.
// Prints one line of JSON: where it is.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { generateKeyPairSync } from 'node:crypto';
import { pathToFileURL } from 'node:url';

// What it warns of when it starts belongs to nobody.
for (const name of ['info', 'warn']) console[name] = () => {};
const require = createRequire(`${process.cwd()}/`);
const { Provider } = await import(pathToFileURL(require.resolve('oidc-provider')));

const key = (kid, type, options, use) => {
  const { privateKey } = generateKeyPairSync(type, options);
  return { ...privateKey.export({ format: 'jwk' }), kid, use };
};
const keys = [
  key('rsa-1', 'rsa', { modulusLength: 2048 }, 'sig'),
  key('ec-1', 'ec', { namedCurve: 'P-256' }, 'sig'),
];
const scope = 'mcp files:read files:write';
const client = (client_id, more) => ({
  client_id,
  client_secret: `${client_id}-has-a-secret-of-its-own`,
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
  token_endpoint_auth_method: 'client_secret_basic',
  ...more,
});
// What a client's tokens are like is in its name.
const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: ['signed', 'curve', 'opaque', 'brief', 'gate'].map((name) => client(name, {})),
    jwks: { keys },
    scopes: scope.split(' '),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: {
        enabled: true,
        allowedPolicy: (_, asker) => asker.clientId === 'gate',
      },
      dPoP: { enabled: true, nonceSecret: undefined },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, resource, asker) => ({
          scope,
          audience: resource,
          accessTokenTTL: asker.clientId === 'brief' ? 6 : 600,
          accessTokenFormat: asker.clientId === 'opaque' ? 'opaque' : 'jwt',
          jwt: { sign: { alg: asker.clientId === 'curve' ? 'ES256' : 'RS256' } },
        }),
      },
    },
    clientBasedCORS: () => false,
  });
  server.on('request', provider.callback());
  process.stdout.write(`${JSON.stringify({ issuer })}\n`);
});
// Whoever started it is gone.
process.stdin.on('end', () => process.exit(0)).resume();
