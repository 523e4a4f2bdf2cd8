/** How the chat looks: the page's colours on the frame, and what Web Chat makes of them in a panel. */

import { styleOptions } from './web-chat';
import type { Look } from './widget-wire';

/** Puts the page's colours and letters on this frame. */
export function paint(look: Look, dark: boolean): void {
  const { style } = document.documentElement;
  for (const [name, value] of Object.entries(look)) style.setProperty(`--${name}`, value);
  style.colorScheme = dark ? 'dark' : 'light';
}

/** Web Chat's styles, with what a panel this narrow needs other than the demo's page. */
export function roomy(): Readonly<Record<string, unknown>> {
  return {
    ...styleOptions(),
    paddingRegular: 12,
    paddingWide: 16,
    bubbleMaxWidth: 320,
    bubbleNubSize: 0,
    bubbleFromUserNubSize: 0,
    bubbleBorderRadius: 14,
    bubbleFromUserBorderRadius: 14,
    sendBoxHeight: 54,
    hideScrollToEndButton: false,
    uploadMultiple: true,
    sendAttachmentOn: 'send',
  };
}
