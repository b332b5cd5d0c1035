import { AcceptorSubject } from './acceptor-subject.js';
import { DialerSubject } from './dialer-subject.js';
import { HostSubject } from './host-subject.js';
import { RelaySubject } from './relay-subject.js';
import type { Subject } from './subject.js';
import type { Configuration } from './vectors.js';

export function createSubject(
  role: 'acceptor' | 'dialer' | 'host' | 'relay',
  configuration: Configuration = {},
): Subject {
  switch (role) {
    case 'acceptor':
      return new AcceptorSubject(configuration);
    case 'dialer':
      return new DialerSubject(configuration);
    case 'host':
      return new HostSubject(configuration);
    case 'relay':
      return new RelaySubject(configuration);
  }
}
