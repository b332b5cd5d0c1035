import { AcceptorSubject } from './acceptor-subject.js';
import { DialerSubject } from './dialer-subject.js';
import { RelaySubject } from './relay-subject.js';
import type { Subject } from './subject.js';
import { TunnelAcceptorSubject } from './tunnel-acceptor-subject.js';
import type { Configuration } from './vectors.js';

export function createSubject(
  role: 'acceptor' | 'dialer' | 'relay' | 'tunnelAcceptor',
  configuration: Configuration = {},
): Subject {
  switch (role) {
    case 'acceptor':
      return new AcceptorSubject(configuration);
    case 'dialer':
      return new DialerSubject(configuration);
    case 'relay':
      return new RelaySubject(configuration);
    case 'tunnelAcceptor':
      return new TunnelAcceptorSubject(configuration);
  }
}
