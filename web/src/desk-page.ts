/** The desk as a page of its own. */

import './style.css';
import { mountDesk } from './desk';
import { byId } from './element';

mountDesk(byId('desk'), (offered) => {
  document.title = offered > 0 ? `(${offered}) Agent's desk` : "Agent's desk";
});
