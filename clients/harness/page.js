// What a site's own page does with Web Chat: opens the conversation of its token, and after a reload
// goes on with it. Beside it, what a test reads: what is shown, and how the connection fares.
const wanted = new URLSearchParams(location.search);
const kept = JSON.parse(sessionStorage.getItem('conversation') ?? 'null');
const directLine = WebChat.createDirectLine({
  domain: wanted.get('domain'),
  token: kept?.token ?? wanted.get('token'),
  ...(kept ? { conversationId: kept.conversationId } : {}),
});
const store = WebChat.createStore();
const statuses = [];
directLine.connectionStatus$.subscribe((status) => statuses.push(status));
addEventListener('pagehide', () => {
  const { token, conversationId } = directLine;
  if (conversationId) sessionStorage.setItem('conversation', JSON.stringify({ token, conversationId }));
});
window.played = { directLine, store, statuses };
WebChat.renderWebChat(
  {
    directLine,
    store,
    locale: 'en-GB',
    sendTypingIndicator: true,
    styleOptions: { hideUploadButton: true },
  },
  document.getElementById('chat'),
);
