/**
 * The agent's desk: the queue, the open chat and the settings, kept in step with the desk's API. One
 * component for both pages. Decides which chat is open; leaves drawing to its parts.
 */

import * as api from './desk-api';
import type { Chat, DeskState } from './desk-api';
import { Composer } from './desk-composer';
import { clock, Queue, standing, userName } from './desk-queue';
import { DeskSettings } from './desk-settings';
import { Team } from './desk-team';
import { Transcript } from './desk-transcript';
import { Transfer } from './desk-transfer';
import { button, element, setText } from './element';
import { say } from './language';

/** What a page can ask of the desk on it. */
export interface MountedDesk {
  /** Opens the chat that has waited longest and puts the keyboard on "Accept". */
  goToOffered(): void;
}

/**
 * Puts a desk into `root` and keeps it up to date; `waiting` hears how many chats are offered, and
 * `changed` everything that the desk tells.
 */
export function mountDesk(
  root: HTMLElement,
  waiting: (offered: number) => void,
  changed: (state: DeskState) => void = () => undefined,
): MountedDesk {
  const desk = new Desk(root, waiting);
  api.follow(
    (state) => {
      desk.show(state);
      changed(state);
    },
    (reachable) => desk.reachable(reachable),
  );
  return desk;
}

class Desk implements MountedDesk {
  readonly #chip = element('span', { class: 'chip', role: 'status' }, say('desk.connecting'));
  readonly #title = element('h2', { id: 'desk-title' }, say('desk'));
  readonly #alert = element('div', { class: 'alert', role: 'alert', hidden: true });
  readonly #notice = element('p', { class: 'notice', role: 'status', hidden: true });
  readonly #news = element('p', { class: 'unseen', role: 'status' });
  readonly #panel = element('section', { class: 'chat', 'aria-label': say('desk.chat'), hidden: true });
  readonly #name = element('h3', { class: 'chat-name', tabindex: '-1' });
  readonly #standing = element('span', { class: 'badge' });
  readonly #context = element('details', { class: 'context' });
  readonly #accept = button(say('desk.accept'), 'primary', () => this.#take());
  readonly #reject = button(say('desk.reject'), 'quiet', () =>
    this.#act((chat) => api.reject(chat, this.#taker())),
  );
  readonly #end = button(say('desk.end'), 'quiet', () => this.#act(api.end));
  readonly #transcript = new Transcript();
  readonly #queue = new Queue((chat) => this.#open(chat));
  readonly #settings = new DeskSettings((settings) => this.#run(api.change(settings)));
  readonly #composer = new Composer({
    write: api.write,
    typing: api.typing,
    controls: api.controls,
    show: api.show,
    file: api.sendFile,
    failed: (error) => this.#fail(error),
  });
  readonly #team = new Team({
    act: (agent) => this.#actAs(agent),
    available: (agent, yes) => this.#run(api.setAvailable(agent, yes)),
    open: (queue, yes) => this.#run(api.setOpen(queue, yes)),
  });
  readonly #transfer = new Transfer((receiver) =>
    this.#act((chat) => api.transfer(chat, receiver)),
  );
  readonly #waiting: (offered: number) => void;
  #acting: string | null = null;
  #seat = '';
  #state: DeskState | null = null;
  #selected: string | null = null;
  #focusBoxWhenLive: string | null = null;
  #contextShown = '';

  constructor(root: HTMLElement, waiting: (offered: number) => void) {
    this.#waiting = waiting;
    const actions = element(
      'div',
      { class: 'chat-actions' },
      this.#accept,
      this.#reject,
      this.#transfer.toggle,
      this.#end,
    );
    const who = element('div', { class: 'chat-who' }, this.#name, this.#standing);
    this.#panel.append(
      element('div', { class: 'chat-head' }, who, actions),
      this.#transfer.root,
      this.#context,
      this.#transcript.root,
      this.#composer.root,
    );
    root.classList.add('desk');
    root.append(
      element('div', { class: 'bar' }, this.#title, this.#chip, this.#settings.toggle),
      this.#settings.root,
      this.#team.root,
      this.#alert,
      this.#notice,
      this.#news,
      element('div', { class: 'desk-body' }, this.#queue.root, this.#panel),
    );
    setInterval(() => this.#tick(), 1000);
  }

  show(state: DeskState): void {
    const before = this.#state;
    this.#state = state;
    this.#choose(before);
    this.#sit();
    this.#announce(before);
    this.#settings.show(state);
    this.#draw();
    this.#waiting(state.chats.filter((chat) => chat.state === 'offered').length);
  }

  reachable(yes: boolean): void {
    this.#chip.dataset['tone'] = yes ? 'good' : 'bad';
    setText(this.#chip, yes ? this.#agentLabel() : say('desk.unreachable'));
  }

  goToOffered(): void {
    const offered = this.#state?.chats
      .filter((chat) => chat.state === 'offered')
      .toSorted((a, b) => a.waitingSince - b.waitingSince)[0];
    if (!offered) return this.#settings.toggle.focus();
    this.#open(offered.id);
    this.#accept.focus();
  }

  /** Keeps the open chat while it matters; a waiting user is shown when the agent is free. */
  #choose(before: DeskState | null): void {
    const chats = this.#state?.chats ?? [];
    const open = chats.find((chat) => chat.id === this.#selected);
    const fresh = chats.find(
      (chat) => chat.state === 'offered' && !before?.chats.some((old) => old.id === chat.id),
    );
    const busy = open?.state === 'live' || (open !== undefined && this.#composer.busy);
    if (fresh && !busy) this.#selected = fresh.id;
    else if (!open) this.#selected = (chats.find((chat) => chat.state === 'live') ?? chats[0])?.id ?? null;
  }

  #announce(before: DeskState | null): void {
    if (!before) return;
    for (const chat of this.#state?.chats ?? []) {
      const old = before.chats.find((known) => known.id === chat.id);
      if (!old && chat.state === 'offered') {
        setText(this.#news, say('desk.news.waiting', { user: userName(chat) }));
      }
      if (old && old.state !== 'ended' && chat.state === 'ended') {
        const how = standing(chat);
        setText(this.#news, say('desk.news.over', { user: userName(chat), how }));
      }
    }
  }

  #draw(): void {
    const state = this.#state;
    if (!state) return;
    setText(this.#chip, this.#agentLabel());
    this.#notice.hidden = !state.down;
    setText(this.#notice, state.down ? say('desk.down') : '');
    const nameOf = (agent: string) => this.#nameOf(agent);
    this.#queue.show(state.chats, this.#selected, emptyQueue(state), nameOf);
    this.#team.show(state, this.#acting);
    const chat = state.chats.find((one) => one.id === this.#selected);
    this.#panel.hidden = chat === undefined;
    if (chat) this.#drawChat(chat);
  }

  #drawChat(chat: Chat): void {
    const held = this.#panel.contains(document.activeElement) ? document.activeElement : null;
    setText(this.#name, userName(chat));
    this.#standing.dataset['state'] = chat.state;
    this.#tick();
    this.#accept.hidden = this.#reject.hidden = chat.state !== 'offered';
    this.#end.hidden = this.#composer.root.hidden = chat.state !== 'live';
    if (this.#state) this.#transfer.show(this.#state, chat, this.#acting);
    this.#drawContext(chat);
    this.#transcript.show(chat);
    this.#composer.show(chat, this.#ownName(chat));
    if (chat.state === 'live' && this.#focusBoxWhenLive === chat.id) {
      this.#focusBoxWhenLive = null;
      this.#composer.focus();
    } else if (held instanceof HTMLElement && held.offsetParent === null) {
      // The button that was pressed is gone; do not throw the keyboard back to the top of the page.
      this.#name.focus();
    }
  }

  #drawContext(chat: Chat): void {
    const facts = Object.entries(chat.context ?? {});
    const known = JSON.stringify([chat.id, chat.userId, facts]);
    if (known === this.#contextShown) return;
    this.#contextShown = known;
    const list = element('dl', {}, element('dt', {}, 'userId'), element('dd', {}, chat.userId));
    for (const [name, value] of facts) {
      const shown = typeof value === 'string' ? value : JSON.stringify(value);
      list.append(element('dt', {}, name), element('dd', {}, shown));
    }
    this.#context.replaceChildren(element('summary', {}, say('desk.about')), list);
  }

  /** The waiting clock runs between events. */
  #tick(): void {
    const chat = this.#state?.chats.find((one) => one.id === this.#selected);
    if (!chat) return;
    const waited = chat.state === 'offered' ? ` ${clock(Date.now() - chat.waitingSince)}` : '';
    const where = standing(chat, (agent) => this.#nameOf(agent));
    setText(this.#standing, `${where}${waited}`);
  }

  #agentLabel(): string {
    const agent = this.#state?.agent;
    if (!agent) return say('desk.connected');
    if (agent.mode === 'nobody') return say('desk.nobody');
    const name = this.#acting === null ? agent.name : this.#nameOf(this.#acting);
    return say(agent.mode === 'scripted' ? 'desk.script' : 'desk.you', { name });
  }

  #nameOf(agent: string): string {
    return this.#state?.agents?.find(({ id }) => id === agent)?.name ?? agent;
  }

  /** Who would write in this chat. */
  #ownName(chat: Chat): string {
    if (chat.agent) return chat.agent.name;
    return this.#acting === null ? (this.#state?.agent.name ?? '') : this.#nameOf(this.#acting);
  }

  /** The open chat decides as whom the page acts: whoever has it, or is offered it. */
  #sit(): void {
    const agents = this.#state?.agents ?? [];
    const chat = this.#state?.chats.find((one) => one.id === this.#selected);
    const concerned = chat?.state === 'live' ? chat.agent?.id : chat?.offer?.agent;
    // Only a change decides: whoever takes another place by hand keeps it until then.
    const seat = `${chat?.id} ${concerned}`;
    if (concerned !== undefined && chat?.state !== 'ended' && seat !== this.#seat) {
      this.#acting = concerned;
    }
    this.#seat = seat;
    if (!agents.some(({ id }) => id === this.#acting)) this.#acting = agents[0]?.id ?? null;
  }

  /** Takes another agent's place, and opens what that agent has to do. */
  #actAs(agent: string): void {
    this.#acting = agent;
    const chats = this.#state?.chats ?? [];
    const own =
      chats.find((chat) => chat.state === 'offered' && chat.offer?.agent === agent) ??
      chats.find((chat) => chat.state === 'live' && chat.agent?.id === agent);
    if (own) this.#selected = own.id;
    this.#draw();
  }

  /** Who takes or refuses the open chat: to whom it is offered, else whose place is taken. */
  #taker(): string | null {
    const chat = this.#state?.chats.find((one) => one.id === this.#selected);
    return chat?.offer?.agent ?? this.#acting;
  }

  #open(chat: string): void {
    this.#selected = chat;
    this.#sit();
    this.#draw();
  }

  #take(): void {
    this.#focusBoxWhenLive = this.#selected;
    this.#act((chat) => api.accept(chat, this.#taker()));
  }

  #act(action: (chat: string) => Promise<void>): void {
    if (this.#selected !== null) this.#run(action(this.#selected));
  }

  #run(request: Promise<void>): void {
    request.then(
      () => this.#dismiss(),
      (error: unknown) => {
        this.#fail(error);
        // A setting that was refused goes back to what the desk really has.
        if (this.#state) this.#settings.show(this.#state);
      },
    );
  }

  #fail(error: unknown): void {
    const words = error instanceof Error ? error.message : String(error);
    const code = error instanceof api.DeskError ? ` (${error.code})` : '';
    this.#alert.replaceChildren(
      element('span', {}, `${words}${code}`),
      button(say('desk.dismiss'), 'quiet', () => this.#dismiss()),
    );
    this.#alert.hidden = false;
  }

  #dismiss(): void {
    this.#alert.hidden = true;
  }
}

function emptyQueue(state: DeskState): string {
  return say(`desk.empty.${state.agent.mode}`);
}
