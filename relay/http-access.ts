import type { IncomingMessage } from 'node:http';
import type { ErrorCode } from '../src/protocol/codes.js';
import { TrunklineError, toTrunklineError } from '../src/protocol/errors.js';
import type { Clock } from '../src/runtime/clock.js';
import type { AccessOptions, AccessRefusal, Claims } from './access.js';
import { lifetimeOf, toClaims } from './claims.js';

/** How long an application may take to decide. */
const DECISION_TIMEOUT_MS = 10_000;
/** Requests that are being decided on. */
const MAX_UNDECIDED = 64;

/** What the client is told, as JSON. */
export interface HttpRefusal {
  status: 401 | 403 | 500 | 503;
  code: ErrorCode;
  /** What the application calls it. */
  appCode?: string | undefined;
  message: string;
}

/**
 * Whether an HTTP request may see what an operator sees: the hooks that decide about dialers decide here as well, as
 * `watch` of `*`. The token is in the Authorization header and nowhere else; cookies grant nothing, and neither does an
 * address.
 */
export class HttpAccess {
  private undecided = 0;

  constructor(
    private readonly options: AccessOptions,
    private readonly clock: Clock,
    /** A hook threw what is no refusal. */
    private readonly defectFound: (error: TrunklineError) => void,
  ) {}

  /** Nobody decides. */
  get isOpen(): boolean {
    return this.options.authenticate === undefined && this.options.authorize === undefined;
  }

  /** Undefined: it may. */
  async refusalOf(request: IncomingMessage): Promise<HttpRefusal | undefined> {
    if (this.isOpen) return undefined;
    if (this.undecided >= MAX_UNDECIDED)
      return { status: 503, code: 'LIMIT_RATE', message: 'too many requests are being decided on' };
    this.undecided++;
    try {
      return await this.inTime(this.decide(request));
    } finally {
      this.undecided--;
    }
  }

  private inTime(decision: Promise<HttpRefusal | undefined>): Promise<HttpRefusal | undefined> {
    return new Promise((resolve, reject) => {
      const late: HttpRefusal = { status: 503, code: 'ACCEPT_TIMEOUT', message: 'the relay did not decide in time' };
      const cancel = this.clock.setTimer(DECISION_TIMEOUT_MS, () => resolve(late));
      decision.finally(cancel).then(resolve, reject);
    });
  }

  private async decide(request: IncomingMessage): Promise<HttpRefusal | undefined> {
    try {
      const claims = await this.authenticate(request);
      return await this.authorize(claims, request);
    } catch (error) {
      return this.refusalFor(error);
    }
  }

  private async authenticate(request: IncomingMessage): Promise<Claims> {
    const { authenticate } = this.options;
    if (authenticate === undefined) return {};
    const claims = toClaims(await authenticate({ token: bearerToken(request), request }));
    lifetimeOf(claims);
    return claims;
  }

  private async authorize(claims: Claims, request: IncomingMessage): Promise<HttpRefusal | undefined> {
    const { authorize } = this.options;
    if (authorize === undefined)
      return { status: 403, code: 'FORBIDDEN', message: 'nobody may watch * where the relay has no authorize' };
    const verdict = await authorize({ action: 'watch', name: '*', claims, request });
    if (verdict === true) return undefined;
    const { code: appCode, text }: AccessRefusal = verdict || {};
    return { status: 403, code: 'FORBIDDEN', appCode, message: text ?? 'this token does not allow to watch *' };
  }

  /** What a hook throws on purpose is a refusal; anything else the client is not told of. */
  private refusalFor(error: unknown): HttpRefusal {
    if (error instanceof TrunklineError && error.code !== 'INTERNAL') {
      const { code, appCode, message } = error;
      return { status: code === 'FORBIDDEN' ? 403 : 401, code, appCode, message };
    }
    this.defectFound(toTrunklineError(error, 'INTERNAL'));
    return { status: 500, code: 'INTERNAL', message: 'the relay failed to decide' };
  }
}

function bearerToken({ headers: { authorization } }: IncomingMessage): string | undefined {
  return /^Bearer +([^\s]+) *$/i.exec(authorization ?? '')?.[1];
}
