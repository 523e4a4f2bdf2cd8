//! What the user does: opening, words, phrases, answers, the end.

use super::given::{
    asked, bot, bot_asks, check, ended, holding, live, news, question, session_id, stage, table,
    talk, user_says, visitor,
};
use crate::{
    Asked, Behind, Choice, EndReason, Event, Question, Stage, Status, Talk, Visitor, Wants, What,
    id::{Number, UserId},
    wants_holder,
};

#[test]
fn opening_again_changes_nothing() {
    table(
        &Event::Opened { visitor: visitor() },
        &[(
            "bot requested accepted queued connected active transferring completed failed cancelled",
            "nothing",
        )],
    );
}

#[test]
fn words_go_to_whoever_has_the_conversation() {
    table(
        &user_says("hello"),
        &[
            ("bot completed failed cancelled", "bot; user \"hello\"; -> to bot 11; = 11"),
            ("requested", "requested holding 1; user \"hello\"; = 11"),
            ("accepted", "accepted holding 1; user \"hello\"; = 11"),
            ("queued", "queued holding 1; user \"hello\"; = 11"),
            ("connected", "active Ola; user \"hello\"; -> say 11; row ses_1 active; = 11"),
            ("active", "active Ola; user \"hello\"; -> say 11; = 11"),
            ("transferring", "active Ola transferring; user \"hello\"; -> say 11; = 11"),
        ],
    );
}

#[test]
fn the_phrase_for_a_person_escalates_only_from_bot_talk() {
    table(
        &user_says("agent"),
        &[
            (
                "bot completed failed cancelled",
                "requested; user \"agent\"; tell asked; -> ask ses_2 upto 11; take ses_2; \
                 row ses_2 waiting; = 11",
            ),
            ("requested", "requested holding 1; user \"agent\"; = 11"),
            ("accepted", "accepted holding 1; user \"agent\"; = 11"),
            ("queued", "queued holding 1; user \"agent\"; = 11"),
            ("connected", "active Ola; user \"agent\"; -> say 11; row ses_1 active; = 11"),
            ("active", "active Ola; user \"agent\"; -> say 11; = 11"),
            ("transferring", "active Ola transferring; user \"agent\"; -> say 11; = 11"),
        ],
    );
}

#[test]
fn cancel_withdraws_while_waiting_and_is_a_word_like_any_other_elsewhere() {
    table(
        &user_says("cancel"),
        &[
            ("bot completed failed cancelled", "bot; user \"cancel\"; -> to bot 11; = 11"),
            (
                "requested accepted queued",
                "bot; user \"cancel\"; tell cancelled; tell back_with_bot; -> end ses_1; \
                 -> tell bot ses_1 failed user_cancelled 8..13; strike ses_1 <6; \
                 row ses_1 cancelled user_cancelled; = 11",
            ),
            ("connected", "active Ola; user \"cancel\"; -> say 11; row ses_1 active; = 11"),
            ("active", "active Ola; user \"cancel\"; -> say 11; = 11"),
            ("transferring", "active Ola transferring; user \"cancel\"; -> say 11; = 11"),
        ],
    );
}

#[test]
fn end_chat_withdraws_while_waiting_and_ends_a_talk() {
    table(
        &user_says("end chat"),
        &[
            ("bot completed failed cancelled", "bot; user \"end chat\"; -> to bot 11; = 11"),
            (
                "requested accepted queued",
                "bot; user \"end chat\"; tell cancelled; tell back_with_bot; -> end ses_1; \
                 -> tell bot ses_1 failed user_cancelled 8..13; strike ses_1 <6; \
                 row ses_1 cancelled user_cancelled; = 11",
            ),
            (
                "connected active transferring",
                "bot; user \"end chat\"; tell ended by user; tell back_with_bot; -> end ses_1; \
                 -> tell bot ses_1 completed Ola user_ended 8..13; \
                 row ses_1 completed user_ended; = 11",
            ),
        ],
    );
}

#[test]
fn the_end_button_does_what_the_words_do_without_the_words() {
    table(
        &Event::UserEnds,
        &[
            ("bot completed failed cancelled", "nothing"),
            (
                "requested accepted queued",
                "bot; tell cancelled; tell back_with_bot; -> end ses_1; \
                 -> tell bot ses_1 failed user_cancelled 8..12; strike ses_1 <6; \
                 row ses_1 cancelled user_cancelled",
            ),
            (
                "connected active transferring",
                "bot; tell ended by user; tell back_with_bot; -> end ses_1; \
                 -> tell bot ses_1 completed Ola user_ended 8..12; row ses_1 completed user_ended",
            ),
        ],
    );
}

#[test]
fn the_first_opening_greets_once() {
    let mut given = bot();
    given.conversation.opened = false;
    given.conversation.visitor = None;
    let event = Event::Opened { visitor: visitor() };
    check(&given, event.clone(), "bot; -> greet");
    let given = given.then(event.clone());
    assert_eq!(given.conversation.visitor, Some(visitor()));
    check(&given, event, "nothing");
}

#[test]
fn a_phrase_may_be_dressed_as_people_type() {
    for text in ["Agent", " AGENT! ", "Live  agent.", "talk to a human?"] {
        let step = bot().after(user_says(text));
        assert!(step.conversation.live().is_some(), "{text:?} escalates");
    }
    for text in ["an agent", "agents", "live agent please", "?"] {
        let step = bot().after(user_says(text));
        assert!(step.conversation.live().is_none(), "{text:?} is for the bot");
    }
}

#[test]
fn with_a_bot_behind_the_phrase_for_a_person_works_only_while_it_is_away() {
    let given = || bot().with_policy(|policy| policy.behind = Behind::Bot);
    check(&given(), user_says("agent"), "bot; user \"agent\"; -> to bot 11; = 11");
    let mut away = given();
    away.conversation.bot_away = true;
    check(
        &away,
        user_says("agent"),
        "requested (bot away); user \"agent\"; tell asked; -> ask ses_2 upto 11; take ses_2; \
         row ses_2 waiting; = 11",
    );
    check(
        &away,
        user_says("hello"),
        "bot (bot away); user \"hello\"; tell bot_away; -> to bot 11; = 11",
    );
}

#[test]
fn the_phrases_that_end_work_whatever_stands_behind() {
    let mut given = stage("active").with_policy(|policy| policy.behind = Behind::Bot);
    assert!(given.after(user_says("End chat.")).conversation.live().is_none());
    given.conversation = stage("queued").conversation;
    assert!(given.after(user_says("cancel")).conversation.live().is_none());
}

#[test]
fn who_is_busy_elsewhere_is_told_so_and_no_session_begins() {
    check(
        &bot().held_by("ses_of_another_conversation"),
        user_says("agent"),
        "bot; user \"agent\"; tell busy_elsewhere; -> tell bot ses_2 failed refused 12..12; = 11",
    );
}

#[test]
fn the_end_of_ones_own_last_chat_that_is_still_on_its_way_is_no_hindrance() {
    check(
        &ended(Status::Completed, EndReason::UserEnded).held_by("ses_1"),
        user_says("agent"),
        "requested; user \"agent\"; tell asked; -> ask ses_2 upto 11; free ses_1; take ses_2; \
         row ses_2 waiting; = 11",
    );
}

#[test]
fn a_request_carries_who_the_user_is_as_last_proven() {
    let proven = Visitor {
        user: UserId::new("u-kim-2").unwrap(),
        email: None,
        name: None,
        timezone: None,
        in_group: false,
        reference: None,
    };
    let mut event = user_says("agent");
    if let Event::UserSaid { visitor, .. } = &mut event {
        visitor.clone_from(&proven);
    }
    let given = bot();
    let policy = given.policy.clone();
    assert_eq!(wants_holder(&given.conversation, &event, &policy), Some(&proven.user));
    let step = given.after(event);
    assert_eq!(step.conversation.visitor.as_ref(), Some(&proven));
    let [effect] = step.effects.as_slice() else { panic!("one effect: {:?}", step.effects) };
    let What::Ask { user, email, name, .. } = &effect.what else { panic!("{effect:?}") };
    assert_eq!((user, email, name), (&proven.user, &None, &None));
    assert_eq!(effect.expires_at, given.now.after(policy.ask_within));
}

#[test]
fn whoever_said_their_name_keeps_it_while_they_are_the_same() {
    let named = |user: &str, name: Option<&str>| {
        let mut event = user_says("hello");
        if let Event::UserSaid { visitor, .. } = &mut event {
            visitor.user = UserId::new(user).unwrap();
            visitor.name = name.map(str::to_owned);
        }
        event
    };
    let name_after = |event| bot().after(event).conversation.visitor.unwrap().name;
    let kim = visitor();
    assert!(kim.name.is_some());
    assert_eq!(name_after(named(kim.user.as_str(), None)), kim.name);
    assert_eq!(name_after(named(kim.user.as_str(), Some("Kimberly"))).as_deref(), Some("Kimberly"));
    assert_eq!(name_after(named("u-lee", None)), None);
}

#[test]
fn everything_for_the_desk_carries_where_and_who() {
    let asked = bot().after(user_says("agent"));
    let What::Ask { session, desk, user, email, name, .. } = &asked.effects[0].what else {
        panic!("{:?}", asked.effects)
    };
    let live = asked.conversation.live().expect("it is open");
    let kim = visitor();
    assert_eq!((session, desk, user), (&live.id, &live.desk, &live.user));
    assert_eq!((user, email, name), (&kim.user, &kim.email, &kim.name));
    assert_eq!((live.asked_after, live.asked_at), (Number(11), bot().now));
    let said = stage("active").after(user_says("hello"));
    let What::Say { session, user, email, .. } = &said.effects[0].what else {
        panic!("{:?}", said.effects)
    };
    assert_eq!((session, user, email), (&session_id("ses_1"), &kim.user, &kim.email));
}

#[test]
fn only_what_may_begin_a_session_wants_the_holder() {
    let wanted = [
        ("bot", user_says("agent"), true),
        ("completed", user_says(" Live agent! "), true),
        ("bot", user_says("hello"), false),
        ("requested", user_says("agent"), false),
        ("active", user_says("agent"), false),
        ("bot", bot_asks(), true),
        ("cancelled", bot_asks(), true),
        ("queued", bot_asks(), false),
        ("bot", Event::Opened { visitor: visitor() }, false),
        ("bot", Event::UserEnds, false),
        ("completed", news(Vec::new()), false),
    ];
    for (name, event, expected) in wanted {
        let given = stage(name);
        let holder = wants_holder(&given.conversation, &event, &given.policy);
        assert_eq!(holder, expected.then_some(&visitor().user), "{name} {event:?}");
    }
    let mut unknown = bot();
    unknown.conversation.visitor = None;
    assert_eq!(wants_holder(&unknown.conversation, &bot_asks(), &unknown.policy), None);
}

#[test]
fn an_answer_to_a_question_is_recognised_by_label_and_by_value_in_any_case() {
    let answers = [
        ("Mail", Some("v1")),
        (" mail ", Some("v1")),
        ("MAIL!", Some("v1")),
        ("v2", Some("v2")),
        ("V2.", Some("v2")),
        ("fax", None),
        ("", None),
        ("...", None),
    ];
    for (text, choice) in answers {
        let step = asked(&["Mail", "Phone"]).after(user_says(text));
        let chose = choice.map(|choice| format!(" chose {choice}")).unwrap_or_default();
        check(
            &asked(&["Mail", "Phone"]),
            user_says(text),
            &format!("active Ola; user {text:?}{chose}; -> say 12; = 12"),
        );
        assert!(step.conversation.live().is_some());
    }
}

#[test]
fn an_exact_answer_goes_before_one_that_is_only_alike() {
    for (text, choice) in [("A", "v2"), ("a", "v1"), ("a.", "v1")] {
        check(
            &asked(&["a", "A"]),
            user_says(text),
            &format!("active Ola; user {text:?} chose {choice}; -> say 12; = 12"),
        );
    }
}

#[test]
fn a_file_without_words_answers_no_question_not_even_one_with_an_empty_option() {
    let question = Question { wants: Wants::Choice, required: false };
    let options = vec![Choice { label: String::new(), value: String::new() }];
    let asked = Asked { by: Number(10), question, options, cut: false };
    let given = live(Stage::Active(Talk { asked: Some(asked), ..talk() }));
    check(&given, user_says(""), "active Ola; user \"\"; -> say 11; = 11");
}

#[test]
fn an_answer_to_a_question_wins_over_a_phrase_once() {
    let given = asked(&["End Chat", "Go on"]);
    let answer = user_says("end chat");
    check(&given, answer.clone(), "active Ola; user \"end chat\" chose v1; -> say 12; = 12");
    let step = given.then(answer.clone()).after(answer);
    assert!(step.conversation.live().is_none(), "the question is answered, so it is the phrase");
}

#[test]
fn any_words_settle_a_question() {
    let given = asked(&["Mail"]).then(user_says("which would you take?"));
    check(&given, user_says("mail"), "active Ola; user \"mail\"; -> say 13; = 13");
}

#[test]
fn only_as_many_options_are_kept_as_the_state_can_bear() {
    let long = "x".repeat(200);
    let labels: Vec<String> = (0..60).map(|n| format!("{n} {long}")).collect();
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    let mut given = asked(&labels);
    assert_eq!(
        given.talk().asked.as_ref().unwrap().options.len(),
        10,
        "2,048 bytes hold ten of 204"
    );
    let short: Vec<String> = (0..60).map(|n| n.to_string()).collect();
    let short: Vec<&str> = short.iter().map(String::as_str).collect();
    assert_eq!(asked(&short).talk().asked.as_ref().unwrap().options.len(), 50);
    assert_eq!(question(&short).options.len(), 60);
}

#[test]
fn the_users_words_move_the_idle_clock_and_take_the_warning_back() {
    let mut given = live(Stage::Active(Talk { warned: true, ..talk() }));
    given = given.then(user_says("still here"));
    let now = given.now;
    assert_eq!((given.talk().warned, given.talk().user_spoke_at), (false, now));
}

#[test]
fn the_agents_words_do_not_move_the_idle_clock() {
    let given = live(Stage::Active(Talk { warned: true, ..talk() }));
    let before = talk().user_spoke_at;
    let mut given = given.then(news(vec![super::given::agent_said("Ola", "hm", None)]));
    let now = given.now;
    let talk = given.talk();
    assert_eq!((talk.warned, talk.user_spoke_at, talk.heard_at), (true, before, now));
}

#[test]
fn words_held_for_nobody_go_to_the_bot_with_the_transcript() {
    let given = holding();
    let step = given.after(Event::UserEnds);
    let of_transcript = |what: &What| match what {
        What::TellBot { session, after, upto, .. } if *session == session_id("ses_1") => {
            Some(after.0..=upto.0)
        }
        _ => None,
    };
    let transcript = step.effects.iter().find_map(|effect| of_transcript(&effect.what));
    let transcript = transcript.expect("the bot is told");
    assert!(*transcript.start() < 9 && transcript.contains(&10), "{transcript:?}");
    assert!(!step.effects.iter().any(|effect| matches!(effect.what, What::Say { .. })));
}

#[test]
fn a_time_zone_is_kept_until_another_is_told_and_goes_with_requests() {
    let told_from = |zone: Option<&str>, text: &str| {
        let mut event = user_says(text);
        if let Event::UserSaid { visitor, .. } = &mut event {
            visitor.timezone = zone.map(str::to_owned);
        }
        event
    };
    let given = super::given::bot().then(told_from(Some("Europe/Oslo"), "hello"));
    let step = given.after(told_from(None, "agent"));
    let zone = |what: &crate::What| match what {
        crate::What::Ask { timezone, .. } | crate::What::Say { timezone, .. } => timezone.clone(),
        _ => None,
    };
    let zones: Vec<_> = step.effects.iter().filter_map(|effect| zone(&effect.what)).collect();
    assert_eq!(zones, ["Europe/Oslo"]);
    let step = super::given::active().after(told_from(Some("Asia/Tokyo"), "hello"));
    let zones: Vec<_> = step.effects.iter().filter_map(|effect| zone(&effect.what)).collect();
    assert_eq!(zones, ["Asia/Tokyo"]);
}
