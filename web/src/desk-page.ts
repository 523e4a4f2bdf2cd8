/** The desk as a page of its own. */

import './style.css';
import './desk.css';
import { mountDesk } from './desk';
import { byId } from './element';
import { fillIn, say } from './language';

fillIn(document);
mountDesk(byId('desk'), (offered) => {
  const title = say('title.desk');
  document.title = offered > 0 ? `(${offered}) ${title}` : title;
});
