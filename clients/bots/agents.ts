/** A bot with the Microsoft 365 Agents SDK for JavaScript, whose validation of activities is strict. */

import { Activity, ActivityTypes } from '@microsoft/agents-activity';
import type { ConversationReference } from '@microsoft/agents-activity';
import { AgentApplication, MemoryStorage, MessageFactory } from '@microsoft/agents-hosting';
import type { ConnectorClient, TurnContext, TurnState } from '@microsoft/agents-hosting';
import { startServer } from '@microsoft/agents-hosting-express';

import { openDoors } from './doors.ts';
import type { Doors } from './doors.ts';
import { CARD, CHOICES, HANDOFF_CONTEXT, TRANSCRIPT, submitted, told } from './spoken.ts';

const bot = new AgentApplication<TurnState>({ storage: new MemoryStorage() });
let newest: { reference: ConversationReference; identity: TurnContext['identity'] } | null = null;
let doors: Doors;

bot.onTurn('beforeTurn', async (context) => {
  doors.saw(context.activity);
  newest = { reference: context.activity.getConversationReference(), identity: context.identity };
  return true;
});

bot.onConversationUpdate('membersAdded', async (context) => {
  const { membersAdded, recipient } = context.activity;
  if (membersAdded?.some(({ id }) => id !== recipient?.id)) {
    await context.sendActivity('Welcome, I am a bot.');
  }
});

bot.onActivity(ActivityTypes.Event, async (context) => {
  if (context.activity.name === 'handoff.status') await context.sendActivity(told(context.activity.value));
});

bot.onActivity(ActivityTypes.Message, async (context) => {
  const { text, value } = context.activity;
  if (!text && value) {
    await context.sendActivity(submitted(value));
    return;
  }
  switch (text) {
    case 'choices': {
      const message = MessageFactory.text('Which one?');
      message.suggestedActions = { to: [context.activity.from?.id ?? ''], actions: CHOICES as never };
      await context.sendActivity(message);
      return;
    }
    case 'card':
      await context.sendActivity(MessageFactory.attachment(CARD));
      return;
    case 'update me': {
      const sent = await context.sendActivity('Working on it');
      const better = MessageFactory.text('Done with it');
      better.id = sent?.id ?? '';
      await context.updateActivity(better);
      return;
    }
    case 'delete me': {
      const sent = await context.sendActivity('Forget this');
      await context.deleteActivity(sent?.id ?? '');
      await context.sendActivity('Forgotten');
      return;
    }
    case 'members': {
      const connector = context.turnState.get<ConnectorClient>(context.adapter.ConnectorClientKey);
      const conversation = context.activity.conversation?.id ?? '';
      const member = await connector.getConversationMember(context.activity.from?.id ?? '', conversation);
      await context.sendActivity(`Members: ${member.id}`);
      return;
    }
    case 'slow':
      await doors.released();
      await context.sendActivity('Sorry to keep you waiting');
      return;
    case 'work':
      await context.sendActivity('I begin');
      await doors.released();
      await context.sendActivity('I have finished');
      return;
    case 'human': {
      await context.sendActivity('Let me find somebody');
      const event = Activity.fromObject({
        type: ActivityTypes.Event,
        name: 'handoff.initiate',
        value: HANDOFF_CONTEXT,
        attachments: [{ contentType: 'application/json', name: 'Transcript', content: TRANSCRIPT }],
      });
      await context.sendActivity(event);
      return;
    }
    default:
      await context.sendActivity(`You said: ${text}`);
  }
});

const port = Number(process.env['PORT']);
startServer(bot, {
  port,
  beforeListen: (app) => {
    doors = openDoors(app as never, async (text) => {
      if (!newest) throw new Error('nobody has spoken to this bot yet');
      const { reference, identity } = newest;
      await bot.adapter.continueConversation(identity ?? '', reference, async (context) => {
        await context.sendActivity(text);
      });
    });
  },
});
