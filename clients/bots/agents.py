"""A bot with the Microsoft 365 Agents SDK for Python; it says what the others of this folder say."""

import asyncio
import os
from typing import Any

from aiohttp import web
from microsoft_agents.activity import (
    Activity,
    ActivityTypes,
    Attachment,
    CardAction,
    ConversationUpdateTypes,
    SuggestedActions,
)
from microsoft_agents.authentication.msal import MsalConnectionManager
from microsoft_agents.hosting.aiohttp import (
    CloudAdapter,
    jwt_authorization_middleware,
    start_agent_process,
)
from microsoft_agents.hosting.core import (
    AgentApplication,
    MemoryStorage,
    TurnContext,
    TurnState,
)

CARD = {
    "type": "AdaptiveCard",
    "version": "1.5",
    "body": [{"type": "TextBlock", "text": "Which size?", "wrap": True}],
    "actions": [
        {"type": "Action.Submit", "title": "Order it", "data": {"size": "large", "number": 42}}
    ],
}
TRANSCRIPT = {
    "activities": [
        {"type": "message", "from": {"id": "someone", "role": "user"}, "text": "my bill is wrong"},
        {"type": "message", "from": {"id": "bot", "role": "bot"}, "text": "Let me find somebody"},
    ]
}

connections = MsalConnectionManager(
    CONNECTIONS={"SERVICE_CONNECTION": {"SETTINGS": {"ANONYMOUS_ALLOWED": True}}}
)
adapter = CloudAdapter(connection_manager=connections)
bot = AgentApplication[TurnState](
    storage=MemoryStorage(), adapter=adapter, connection_manager=connections
)
seen: list[Any] = []
newest: list[Any] = []
released = asyncio.Event()


@bot.before_turn
async def keep(context: TurnContext, _: TurnState) -> bool:
    seen.append(context.activity.model_dump(mode="json", by_alias=True, exclude_unset=True))
    reference = context.activity.get_conversation_reference()
    newest[:] = [reference, context.identity]
    return True


@bot.conversation_update(ConversationUpdateTypes.MEMBERS_ADDED)
async def greet(context: TurnContext, _: TurnState) -> None:
    if any(one.id != context.activity.recipient.id for one in context.activity.members_added):
        await context.send_activity("Welcome, I am a bot.")


@bot.activity(ActivityTypes.event)
async def told(context: TurnContext, _: TurnState) -> None:
    if context.activity.name != "handoff.status":
        return
    value = context.activity.value
    agent = (value.get("agent") or {}).get("name", "nobody")
    transcript = value.get("transcript")
    lines = "nothing" if transcript is None else " / ".join(str(one.get("text")) for one in transcript)
    state, reason = value.get("state"), value.get("reason", "well")
    await context.send_activity(f"Handoff {state}, {reason}, by {agent}: {lines}")


@bot.activity(ActivityTypes.message)
async def answer(context: TurnContext, _: TurnState) -> None:
    text, value = context.activity.text, context.activity.value
    if not text and value:
        await context.send_activity(f"Submitted: {value['size']} {value['number']}")
    elif text == "choices":
        actions = [CardAction(type="imBack", title=one, value=one) for one in ("Red", "Blue")]
        await context.send_activity(
            Activity(
                type=ActivityTypes.message,
                text="Which one?",
                suggested_actions=SuggestedActions(
                    to=[context.activity.from_property.id], actions=actions
                ),
            )
        )
    elif text == "card":
        card = Attachment(content_type="application/vnd.microsoft.card.adaptive", content=CARD)
        await context.send_activity(Activity(type=ActivityTypes.message, attachments=[card]))
    elif text == "update me":
        sent = await context.send_activity("Working on it")
        await context.update_activity(
            Activity(type=ActivityTypes.message, text="Done with it", id=sent.id)
        )
    elif text == "delete me":
        sent = await context.send_activity("Forget this")
        await context.delete_activity(sent.id)
        await context.send_activity("Forgotten")
    elif text == "members":
        conversations = context.turn_state["ConnectorClient"].conversations
        members = await conversations.get_conversation_members(context.activity.conversation.id)
        await context.send_activity("Members: " + " ".join(one.id for one in members))
    elif text == "slow":
        await released.wait()
        released.clear()
        await context.send_activity("Sorry to keep you waiting")
    elif text == "work":
        await context.send_activity("I begin")
        await released.wait()
        released.clear()
        await context.send_activity("I have finished")
    elif text == "human":
        await context.send_activity("Let me find somebody")
        transcript = Attachment(
            content_type="application/json", name="Transcript", content=TRANSCRIPT
        )
        await context.send_activity(
            Activity(
                type=ActivityTypes.event,
                name="handoff.initiate",
                value={"topic": "billing", "priority": 2},
                attachments=[transcript],
            )
        )
    else:
        await context.send_activity(f"You said: {text}")


async def messages(request: web.Request) -> web.StreamResponse | None:
    return await start_agent_process(request, bot, adapter)


async def what_was_seen(_: web.Request) -> web.Response:
    return web.json_response(seen)


async def release(_: web.Request) -> web.Response:
    released.set()
    return web.json_response({})


async def remind(request: web.Request) -> web.Response:
    text = (await request.json())["text"]
    reference, identity = newest

    async def speak(context: TurnContext) -> None:
        await context.send_activity(text)

    await adapter.continue_conversation_with_claims(
        identity, reference.get_continuation_activity(), speak
    )
    return web.json_response({})


async def main() -> None:
    # Only what Warmline calls is behind the SDK's own check of tokens.
    api = web.Application(middlewares=[jwt_authorization_middleware])
    api["agent_configuration"] = connections.get_default_connection_configuration()
    api["agent_app"] = bot
    api["adapter"] = adapter
    api.router.add_post("/messages", messages)
    app = web.Application()
    app.add_subapp("/api", api)
    app.router.add_get("/seen", what_was_seen)
    app.router.add_post("/release", release)
    app.router.add_post("/remind", remind)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(os.environ["PORT"])).start()
    print("bot listens on", os.environ["PORT"], flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
