/**
 * The demo page. Without a name behind the # it shares a file; with one it downloads the file that is shared under it.
 * `share.ts` and `receiver.ts` are where the package is used; `transfer-format.ts` says what is inside a stream.
 */
import { ReceiverView } from './receiver-view.js';
import { SenderView } from './sender-view.js';
import { nameInLink } from './share-name.js';

const name = nameInLink();
if (name === undefined) new SenderView().open();
else new ReceiverView(name).open();

// Another link was pasted into this tab: that is another page.
addEventListener('hashchange', () => location.reload());
