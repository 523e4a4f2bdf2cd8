/** A bot with the Bot Framework SDK 4 for JavaScript, as teams have it: unaware of Warmline. */

import {
  ActivityHandler, CloudAdapter, ConfigurationBotFrameworkAuthentication, EventFactory, MessageFactory,
  TurnContext,
} from 'botbuilder';
import type { Activity, ConversationReference, Transcript } from 'botbuilder';
import type { ConnectorClient } from 'botframework-connector';
import express from 'express';

import { openDoors } from './doors.ts';
import { skillAuthentication } from './skill.ts';
import { CARD, CHOICES, HANDOFF_CONTEXT, PICTURE, TRANSCRIPT, submitted, told } from './spoken.ts';

const appId = process.env['MicrosoftAppId'] ?? '';
const adapter = new CloudAdapter(
  appId ? skillAuthentication(appId) : new ConfigurationBotFrameworkAuthentication({}),
);
let newest: Partial<ConversationReference> = {};

const app = express();
app.use(express.json());
const doors = openDoors(app, (text) =>
  adapter.continueConversationAsync(appId, newest, async (context) => {
    await context.sendActivity(text);
  }),
);

const bot = new ActivityHandler();

bot.onTurn(async (context, next) => {
  doors.saw(context.activity);
  newest = TurnContext.getConversationReference(context.activity);
  await next();
});

bot.onMembersAdded(async (context, next) => {
  const others = context.activity.membersAdded?.filter(({ id }) => id !== context.activity.recipient.id);
  if (others?.length) await context.sendActivity('Welcome, I am a bot.');
  await next();
});

bot.onMessage(async (context, next) => {
  await answer(context);
  await next();
});

bot.onEvent(async (context, next) => {
  if (context.activity.name === 'handoff.status') await context.sendActivity(told(context.activity.value));
  await next();
});

async function answer(context: TurnContext): Promise<void> {
  const { text, value } = context.activity;
  if (!text && value) {
    await context.sendActivity(submitted(value));
    return;
  }
  switch (text) {
    case 'choices':
      await context.sendActivity({
        ...MessageFactory.text('Which one?'),
        suggestedActions: { to: [context.activity.from.id], actions: CHOICES },
      });
      return;
    case 'card':
      await context.sendActivity(MessageFactory.attachment(CARD));
      return;
    case 'update me': {
      const sent = await context.sendActivity('Working on it');
      await context.updateActivity({ ...MessageFactory.text('Done with it'), id: sent?.id ?? '' });
      return;
    }
    case 'delete me': {
      const sent = await context.sendActivity('Forget this');
      await context.deleteActivity(sent?.id ?? '');
      await context.sendActivity('Forgotten');
      return;
    }
    case 'members': {
      const connector = context.turnState.get<ConnectorClient>(adapter.ConnectorClientKey);
      const { id } = context.activity.conversation;
      const members = await connector.conversations.getConversationMembers(id);
      const { members: page } = await connector.conversations.getConversationPagedMembers(id);
      await context.sendActivity(`Members: ${members.map((one) => one.id).join(' ')}, paged ${page?.length}`);
      return;
    }
    case 'picture': {
      const connector = context.turnState.get<ConnectorClient>(adapter.ConnectorClientKey);
      const { conversation, serviceUrl } = context.activity;
      const { id } = await connector.conversations.uploadAttachment(conversation.id, {
        type: 'image/png',
        name: 'dot.png',
        originalBase64: Buffer.from(PICTURE, 'base64'),
        thumbnailBase64: Buffer.from(PICTURE, 'base64'),
      });
      const { views } = await connector.attachments.getAttachmentInfo(id);
      const address = `${serviceUrl.replace(/\/$/, '')}/v3/attachments/${id}/views/original`;
      await context.sendActivity(
        MessageFactory.contentUrl(address, 'image/png', 'dot.png', `A picture, ${views?.length} views`),
      );
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
      const transcript = TRANSCRIPT as unknown as Transcript;
      await context.sendActivity(
        EventFactory.createHandoffInitiation(context, HANDOFF_CONTEXT, transcript) as Partial<Activity>,
      );
      return;
    }
    default:
      await context.sendActivity(`You said: ${text}`);
  }
}

app.post('/api/messages', (request, response) => {
  void adapter.process(request, response, (context) => bot.run(context));
});
const server = app.listen(Number(process.env['PORT'] ?? 0), '127.0.0.1', () => {
  const address = server.address();
  console.log(`bot listens on ${typeof address === 'object' && address ? address.port : ''}`);
});
