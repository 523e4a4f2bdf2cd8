//! Channels that do not read the log: what is for the user is brought to them.

use crate::{
    Content, EndReason, Event, Failure, Notice, Payload, Said, Status, What,
    conversation::HELD_WORDS_MAX,
    id::Number,
    parts,
    step::tests::given::{Given, agent_said, news, sender, session_id, stage, user_says, visitor},
};

fn on_channel(name: &str) -> Given {
    stage(name).carried()
}

fn shown(step: &crate::Step) -> Vec<(u64, u16, bool)> {
    let show = |effect: &crate::Effect| match effect.what {
        What::Show { message, part, ref of_agent } => Some((message.0, part, of_agent.is_some())),
        _ => None,
    };
    step.effects.iter().filter_map(show).collect()
}

fn not_shown(of_agent: bool, failure: Failure) -> Event {
    let of_agent = of_agent.then(|| session_id("ses_1"));
    let what = What::Show { message: Number(9), part: 0, of_agent };
    let effect = crate::step::tests::given::effect_of(what);
    Event::NotSent { effect, failure }
}

#[test]
fn everything_for_the_user_is_brought_in_order_and_what_they_said_is_not() {
    let given = on_channel("queued");
    let step =
        given.after(news(vec![agent_said("Ola", "hello", None), agent_said("Ola", "well?", None)]));
    // The notice of the arrival, then both words.
    assert_eq!(shown(&step), [(11, 0, false), (12, 0, true), (13, 0, true)]);
    assert_eq!(shown(&on_channel("active").after(user_says("hi"))), []);
    assert_eq!(shown(&stage("active").after(news(vec![agent_said("Ola", "hello", None)]))), []);
}

#[test]
fn what_the_bot_hands_over_or_brings_along_is_not_brought() {
    let given = on_channel("bot");
    let lines = vec![(crate::Author::Bot, Said::words("of yesterday"))];
    assert_eq!(shown(&given.after(Event::BotBrought { lines })), []);
    let asked = Event::BotAsked {
        said: None,
        context: crate::Context::from([("topic".to_owned(), "vpn".to_owned())]),
        transcript: vec![crate::Line { by_user: true, text: "hi".to_owned() }],
        key: None,
        fresh: session_id("ses_2"),
    };
    let step = given.after(asked);
    let brought: Vec<_> = shown(&step).into_iter().map(|(number, ..)| number).collect();
    let notices =
        step.messages.iter().filter(|message| matches!(message.content, Content::Notice(_)));
    assert_eq!(brought, notices.map(|message| message.number.0).collect::<Vec<_>>());
}

#[test]
fn long_words_are_brought_in_parts() {
    let long = "word ".repeat(parts::PART_UNITS_MAX);
    let count = u16::try_from(parts::parts(&long).len()).unwrap();
    assert!(count > 1);
    let step = on_channel("active").after(news(vec![agent_said("Ola", &long, None)]));
    let expected: Vec<_> = (0..count).map(|part| (11, part, true)).collect();
    assert_eq!(shown(&step), expected);
}

#[test]
fn an_agent_hears_that_their_words_were_not_shown() {
    for failure in [Failure::Refused, Failure::Expired, Failure::Unanswered] {
        let step = on_channel("active").after(not_shown(true, failure));
        let [message] = &step.messages[..] else { panic!("{:?}", step.messages) };
        assert_eq!(message.content, Content::Notice(Notice::AgentUnheard));
        let [effect] = &step.effects[..] else { panic!("{:?}", step.effects) };
        assert!(matches!(effect.what, What::Say { message: Number(11), .. }), "{effect:?}");
    }
    // Of a later part as well, and of those behind it no more.
    for (failure, told) in [(Failure::Refused, 1), (Failure::Struck, 0), (Failure::Expired, 0)] {
        let what = What::Show { message: Number(9), part: 2, of_agent: Some(session_id("ses_1")) };
        let effect = crate::step::tests::given::effect_of(what);
        let named = format!("{failure:?}");
        let step = on_channel("active").after(Event::NotSent { effect, failure });
        assert_eq!(step.messages.len(), told, "{named}");
    }
    for (given, of_agent) in [(on_channel("active"), false), (on_channel("completed"), true)] {
        let step = given.after(not_shown(of_agent, Failure::Refused));
        assert!(step.messages.is_empty() && step.effects.is_empty());
    }
    // Words of the chat before are no matter of the agent who is there now.
    let what = What::Show { message: Number(9), part: 0, of_agent: Some(session_id("ses_0")) };
    let effect = crate::step::tests::given::effect_of(what);
    let step = on_channel("active").after(Event::NotSent { effect, failure: Failure::Refused });
    assert!(step.messages.is_empty() && step.effects.is_empty());
}

#[test]
fn what_was_ordered_before_the_user_was_seen_ends_nothing() {
    let given = on_channel("active").then(user_says("here I am"));
    let step = given.after(not_shown(false, Failure::Gone));
    assert!(step.conversation.live().is_some() && !step.conversation.unreachable);
}

#[test]
fn nobody_is_asked_for_on_behalf_of_a_user_who_is_gone() {
    let given = on_channel("bot").then(Event::UserGone);
    let asked = Event::BotAsked {
        said: None,
        context: crate::Context::new(),
        transcript: Vec::new(),
        key: None,
        fresh: session_id("ses_2"),
    };
    let step = given.after(asked);
    assert!(step.conversation.live().is_none() && step.holds.is_empty());
    let told = step.effects.iter().find_map(|effect| match &effect.what {
        What::TellBot { news, .. } => Some(news),
        _ => None,
    });
    let reason = EndReason::UserUnreachable;
    assert_eq!(told, Some(&crate::BotNews::Failed { reason }));
}

#[test]
fn a_bot_that_says_more_than_can_be_brought_is_refused() {
    let full = on_channel("bot")
        .with_waiting(crate::Policy::new(crate::step::tests::given::desk()).lane_max);
    let says = || Event::BotSaid { said: Said::words("hi"), answers: None, key: None };
    assert!(full.step(says()).is_err());
    let page = stage("bot").with_waiting(usize::MAX);
    assert!(page.step(says()).is_ok(), "a page reads");
}

#[test]
fn a_call_that_is_answered_elsewhere_is_a_sign_of_life_and_told_to_an_agent() {
    let seen = || Event::UserSeen { visitor: visitor(), told: Some(Said::words("[pressed: Yes]")) };
    let given = on_channel("bot").then(Event::UserGone).then(seen());
    assert!(!given.conversation.unreachable);
    let step = on_channel("bot").after(seen());
    assert!(step.messages.is_empty() && step.effects.is_empty());
    let step = on_channel("active").after(seen());
    assert!(matches!(step.effects[..], [crate::Effect { what: What::Say { .. }, .. }]));
}

#[test]
fn nobody_talks_to_a_user_who_is_gone() {
    for (name, status) in [
        ("requested", Status::Cancelled),
        ("queued", Status::Cancelled),
        ("active", Status::Completed),
    ] {
        for event in [Event::UserGone, not_shown(false, Failure::Gone)] {
            let step = on_channel(name).after(event);
            let record = step.records.last().expect("it ends");
            assert_eq!((record.status, record.reason), (status, Some(EndReason::UserUnreachable)));
            assert!(step.effects.iter().any(|effect| matches!(effect.what, What::End { .. })));
            assert_eq!(shown(&step), [], "it would be refused again");
            let bot = step.effects.iter().any(|effect| matches!(effect.what, What::TellBot { .. }));
            assert!(bot, "the bot has it again");
        }
    }
}

#[test]
fn a_user_who_comes_back_is_brought_things_again() {
    let given = on_channel("bot").then(Event::UserGone);
    assert!(given.conversation.unreachable);
    let late = || Event::Opened { visitor: visitor() };
    // The bot may try: nobody is told that it was unblocked.
    let says = || Event::BotSaid { said: Said::words("hi"), answers: None, key: None };
    assert_eq!(shown(&given.after(says())).len(), 1);
    assert!(!given.then(late()).conversation.unreachable);
}

#[test]
fn among_others_a_person_is_not_to_be_had() {
    for name in ["bot", "completed"] {
        let mut given = on_channel(name);
        let among = crate::Visitor { in_group: true, ..visitor() };
        given.conversation.visitor = Some(among.clone());
        let says = Event::UserSaid {
            visitor: among,
            said: Said::words("agent"),
            key: None,
            fresh: session_id("ses_2"),
        };
        let step = given.after(says);
        assert!(step.conversation.live().is_none());
        assert!(step.holds.is_empty() && step.records.is_empty());
        let told = &step.messages.last().expect("they are told").content;
        assert_eq!(*told, Content::Notice(Notice::PersonalOnly));
    }
}

#[test]
fn what_a_user_changes_is_told_to_whoever_listens() {
    let edit = || Event::UserDid {
        visitor: visitor(),
        payload: Payload("{}".to_owned()),
        words: true,
        told: Some(Said::words("(edited) help")),
        key: Some(sender("k")),
    };
    let says = |step: &crate::Step| {
        step.effects.iter().filter(|effect| matches!(effect.what, What::Say { .. })).count()
    };
    let step = on_channel("active").after(edit());
    assert_eq!(says(&step), 1);
    assert!(step.messages[0].content.said().is_some_and(|said| said.text == "(edited) help"));
    let step = on_channel("queued").after(edit());
    assert_eq!(says(&step), 0);
    let mut full = on_channel("queued");
    full.waiting().held = vec![Number(9); HELD_WORDS_MAX];
    assert!(full.step(edit()).is_err(), "no more can be held");
    let step = on_channel("bot").after(edit());
    assert!(matches!(step.messages[0].content, Content::Done(_)), "for the bot it is no message");
}

#[test]
fn a_bot_that_began_a_conversation_is_heard_there_and_not_told_of_it() {
    let began = |given: &Given, name: &str| {
        let visitor = crate::Visitor { name: Some(name.to_owned()), ..visitor() };
        given.after(Event::BotBegan { visitor })
    };
    let fresh = || Given { conversation: crate::Conversation::default(), ..on_channel("bot") };
    let step = began(&fresh(), "Kim");
    assert!(step.effects.is_empty() && step.messages.is_empty());
    assert_eq!(step.conversation.visitor.as_ref().unwrap().name.as_deref(), Some("Kim"));
    // The first words of the user's are the first that the bot is told.
    let given = Given { conversation: step.conversation, ..fresh() };
    let again = began(&given, "Lee");
    let known = again.conversation.visitor.unwrap().name;
    assert_eq!(known.as_deref(), Some("Kim"), "whoever is known stays so");
    let step = given.after(user_says("hello"));
    assert!(step.effects.iter().all(|effect| !matches!(effect.what, What::Greet)));
    // The channel made it, so somebody is there again.
    let mut given = on_channel("bot");
    given.conversation.unreachable = true;
    assert!(!began(&given, "Kim").conversation.unreachable);
}
