import { signToken } from '../relay/json-web-tokens.js';
import { checkDuration, checkPatterns } from './checks.js';
import { type Command, CommandError } from './command.js';
import { type Flag, UsageError } from './flags.js';
import { ISSUER_FLAGS } from './relay-access.js';
import { checkSecret, SECRET_FLAGS } from './secret.js';

const patterns = (text: string): Flag => ({ value: 'NAME', isList: true, text: `${text}; * is any characters` });

export const tokenCommand: Command = {
  summary: 'Prints a token for a relay that has the same secret',
  positionals: [],
  flags: {
    listen: patterns('a name that its bearer may listen on'),
    connect: patterns('a name that its bearer may connect to'),
    watch: patterns('names whose listeners its bearer may see come and go'),
    ttl: { value: 'TIME', default: '1h', text: 'how long it is good: a number and s, m, h or d' },
    subject: { value: 'TEXT', text: 'who the bearer is, the claim sub; listeners are told' },
    ...SECRET_FLAGS,
    ...ISSUER_FLAGS,
  },
  examples: [
    ["trunkline token --listen 'room:*' --connect '*' --auth-secret-file secret", 'for an hour'],
    ['trunkline token --connect printer --ttl 30d --subject ann --auth-secret-file secret', 'for a month'],
  ],
  prepare(values) {
    const claims = {
      listen: checkPatterns('--listen', values.listen),
      connect: checkPatterns('--connect', values.connect),
      watch: checkPatterns('--watch', values.watch),
      sub: values.subject,
      iss: values.issuer,
      aud: values.audience,
    };
    if (!claims.listen && !claims.connect && !claims.watch)
      throw new UsageError('say what the token allows: --listen NAME, --connect NAME or --watch NAME');
    const lifetimeSeconds = checkDuration('--ttl', values.ttl);
    const readSecret = checkSecret(values);
    if (readSecret === undefined)
      throw new UsageError(
        "the relay's secret is missing: give --auth-secret-file FILE, or the variable TRUNKLINE_AUTH_SECRET",
      );
    return async () => {
      const secret = await readSecret();
      try {
        console.log(await signToken(secret, claims, lifetimeSeconds));
      } catch (error) {
        throw new CommandError((error as Error).message);
      }
      return 0;
    };
  },
};
