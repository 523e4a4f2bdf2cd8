//! How a chat finds its agent: queues, offers, and who is asked next (reference 9.1 and 9.2).

use super::*;
use crate::config::{Hours, Schedule};

const NOBODY: &str = "OutputText: No agents are available at the moment. Please try again later.";

fn profile(id: &str, capacity: u32, skills: &[&str], queues: &[&str]) -> AgentProfile {
    let own = |list: &[&str]| list.iter().map(|&item| item.to_owned()).collect();
    let (skills, queues) = (own(skills), own(queues));
    AgentProfile { capacity, skills, queues, ..AgentProfile::new(id, &id.to_uppercase()) }
}

/// Agents `a` and `b` with room for one chat each, and nothing else that moves.
fn two() -> Config {
    let agents = vec![profile("a", 1, &[], &[]), profile("b", 1, &[], &[])];
    Config { agents, idle: None, wait_status: WaitStatus::Off, ..Config::default() }
}

/// Asks for an agent with these context variables and gives the chat's number.
fn ask(instance: &mut Instance, user: &str, context: Value, now: u64) -> u64 {
    let mut body = agent(user);
    body["contextVariables"] = context;
    assert_eq!(receive(instance, &body, now).0, Fate::Taken);
    of(instance, user)
}

fn views(instance: &Instance) -> Vec<ChatView> {
    instance.conversations().filter_map(Conversation::view).collect()
}

/// The newest chat of a user.
fn of(instance: &Instance, user: &str) -> u64 {
    let view = views(instance).into_iter().rfind(|view| view.user_id == user).unwrap();
    ChatView::number_of(&view.id).unwrap()
}

fn view(instance: &Instance, number: u64) -> ChatView {
    instance.conversations[&number].view().unwrap()
}

/// To whom a chat is offered; `-` for nobody.
fn offered(instance: &Instance, number: u64) -> String {
    view(instance, number).offer.map_or_else(|| "-".to_owned(), |offer| offer.agent)
}

fn presence(instance: &Instance) -> Vec<(Presence, usize)> {
    instance.agents().map(|agent| (agent.state, agent.active)).collect()
}

#[test]
fn the_first_of_the_list_is_asked_and_a_full_one_is_passed_over() {
    let mut instance = instance(&two());
    let [first, second, third] = ["u", "v", "w"].map(|user| ask(&mut instance, user, json!({}), 0));
    assert_eq!([first, second, third].map(|n| offered(&instance, n)), ["a", "b", "-"]);
    instance.accept(first, None, 1).unwrap();
    assert_eq!(offered(&instance, third), "-", "an agent with a chat is as full as with an offer");
    assert_eq!(presence(&instance), [(Presence::Busy, 1), (Presence::Available, 0)]);
    instance.end(first, 2).unwrap();
    assert_eq!(offered(&instance, third), "a", "whoever has room again is asked at once");
    assert_eq!(view(&instance, first).agent.unwrap().id, "a", "who had it is still to be seen");
}

#[test]
fn the_rule_of_most_capacity_asks_the_one_with_the_largest_free_part() {
    let agents = vec![profile("a", 2, &[], &[]), profile("b", 4, &[], &[])];
    let config = Config { agents, assignment: Assignment::MostFree, ..two() };
    let mut instance = instance(&config);
    let asked: Vec<_> = (0..6)
        .map(|user| {
            let number = ask(&mut instance, &user.to_string(), json!({}), 0);
            offered(&instance, number)
        })
        .collect();
    assert_eq!(asked, ["a", "b", "b", "a", "b", "b"]);
}

#[test]
fn a_queue_takes_what_its_conditions_say_to_the_letter() {
    let queues = vec![
        QueueProfile::new("pay", "Payroll").when("request_topic", "Pay"),
        QueueProfile::new("it", "IT").when("request_topic", "IT").when("vip", "yes"),
    ];
    let config = Config { queues, ..two() };
    for (context, queue) in [
        (json!({"request_topic": "Pay"}), Some("pay")),
        (json!({"Request_Topic": "Pay"}), Some("pay")),
        (json!({"request_topic": "pay"}), None),
        (json!({"request_topic": "Pay "}), None),
        (json!({"request_topic": ["Pay"]}), None),
        (json!({"request_topic": "IT"}), None),
        (json!({"request_topic": "IT", "vip": "yes"}), Some("it")),
        (json!({"request_topic": "IT", "vip": true}), None),
        (json!({}), None),
    ] {
        let mut instance = instance(&config);
        let number = ask(&mut instance, "u", context.clone(), 0);
        assert_eq!(view(&instance, number).queue.as_deref(), queue, "{context}");
        let state = view(&instance, number).state;
        assert_eq!(state == ChatState::Ended, queue.is_none(), "{context}");
    }
}

#[test]
fn a_chat_that_no_queue_takes_is_closed_at_once_and_nobody_says_why() {
    let queues = vec![QueueProfile::new("pay", "Payroll").when("request_topic", "Pay")];
    for (dialect, last) in [
        (Dialect::ServiceNow, "OutputText: The conversation has ended. completed"),
        (Dialect::Spec, "EndConversation: The conversation has ended. completed"),
    ] {
        let mut instance = instance(&Config { queues: queues.clone(), dialect, ..two() });
        let (_, told) = receive(&mut instance, &agent("u"), 0);
        assert_eq!(gists(&told).last().unwrap(), last);
        assert!(told.iter().all(|callback| callback.body.get("agentChat").is_none()));
        let chat = chat(&instance);
        assert_eq!(chat.end_reason, Some("closed abandoned: no queue"));
        assert!(instance.open.is_empty(), "the user may ask again");
        assert!(instance.accept(number(&instance), None, 1).is_err());
    }
}

#[test]
fn or_it_is_taken_for_something_said_to_the_virtual_agent() {
    let queues = vec![QueueProfile::new("pay", "Payroll").when("request_topic", "Pay")];
    let config = Config { queues, unrouted: Unrouted::Fallback, ..two() };
    let mut instance = instance(&config);
    let (_, told) = receive(&mut instance, &agent("u"), 0);
    assert_eq!(told.last().unwrap().body["score"], 0);
    assert_eq!(told.last().unwrap().body["body"][1]["uiType"], "TopicPickerControl");
    let (_, told) = receive(&mut instance, &agent("u"), 1);
    assert_eq!(told.last().unwrap().body["takeControl"], true, "twice is too often");
    let mut right = agent("u");
    right["contextVariables"] = json!({"request_topic": "Pay"});
    receive(&mut instance, &right, 2);
    assert_eq!(chat(&instance).state, ChatState::Offered, "the conversation goes on");
}

#[test]
fn nobody_is_there_when_the_queue_is_closed_or_its_agents_are_away() {
    let open = |instance: &mut Instance, schedule| instance.set_schedule("it", schedule).unwrap();
    let cases: [(&str, &dyn Fn(&mut Instance)); 3] = [
        ("closed", &|i| open(i, Schedule::Never)),
        ("away", &|i| ["a", "b"].into_iter().for_each(|a| i.set_available(a, false, 0).unwrap())),
        ("another queue's", &|i| {
            i.set_available("a", false, 0).unwrap();
            i.team.members[1].profile.queues = vec!["pay".to_owned()];
        }),
    ];
    for (case, change) in cases {
        let mut instance = instance(&two());
        change(&mut instance);
        let (_, told) = receive(&mut instance, &agent("u"), 0);
        assert_eq!(gists(&told)[1..], [NOBODY, " takeControl"], "{case}");
        assert!(views(&instance).is_empty(), "{case}");
        open(&mut instance, Schedule::Always);
        instance.set_available("a", true, 1).unwrap();
        let number = ask(&mut instance, "u", json!({}), 1);
        assert_eq!(offered(&instance, number), "a", "{case}");
    }
}

#[test]
fn a_queue_opens_and_closes_by_the_clock_and_keeps_who_waits() {
    use jiff::civil::{Time, time};
    let hours = Hours { day: None, opens: time(9, 0, 0, 0), closes: time(17, 0, 0, 0) };
    let mut config = two();
    config.queues[0].schedule = Schedule::Weekly(vec![hours]);
    config.agents.truncate(1);
    let mut instance = instance(&config);
    let moment = |time: Time| u64::try_from(time.hour()).unwrap() * 3_600_000;
    let (before, during, after) =
        (moment(time(8, 0, 0, 0)), moment(time(9, 0, 0, 0)), moment(time(17, 0, 0, 0)));
    receive(&mut instance, &agent("early"), before);
    assert!(views(&instance).is_empty());
    let first = ask(&mut instance, "u", json!({}), during);
    let second = ask(&mut instance, "v", json!({}), during + 1);
    let shown = instance.queues(during).remove(0);
    assert_eq!((shown.open, shown.waiting), (true, 2));
    assert!(!instance.queues(after)[0].open);
    receive(&mut instance, &agent("late"), after);
    assert_eq!(views(&instance).len(), 2);
    instance.accept(first, None, after + 1).unwrap();
    instance.end(first, after + 2).unwrap();
    assert_eq!(offered(&instance, second), "a");
}

#[test]
fn mandatory_skills_must_be_had_and_optional_ones_decide() {
    let agents = vec![
        profile("a", 9, &["payroll"], &[]),
        profile("b", 9, &["payroll", "german"], &[]),
        profile("c", 9, &["german"], &[]),
    ];
    let mut config = Config { agents, ..two() };
    for (context, asked) in [
        (json!({}), "a"),
        (json!({"LiveAgent_mandatory_skills": "german"}), "b"),
        (json!({"LiveAgent_mandatory_skills": "payroll, german"}), "b"),
        (json!({"mandatory_skills": "german", "liveagent_mandatory_skills": "payroll"}), "b"),
        (json!({"liveagent_optional_skills": "german"}), "b"),
        (json!({"LiveAgent_mandatory_skills": "Payroll"}), "-"),
        (json!({"LiveAgent_mandatory_skills": "norwegian"}), "-"),
    ] {
        let mut instance = instance(&config);
        let number = ask(&mut instance, "u", context.clone(), 0);
        assert_eq!(offered(&instance, number), asked, "{context}");
        assert_eq!(view(&instance, number).state, ChatState::Offered, "it waits, {context}");
    }
    config.queues[0].skills = vec!["german".to_owned()];
    let mut instance = instance(&config);
    let number = ask(&mut instance, "u", json!({}), 0);
    assert_eq!(offered(&instance, number), "b");
}

#[test]
fn an_offer_that_nobody_answers_goes_on_and_its_agent_is_away() {
    let config = Config { offer_timeout: Some(Duration::from_secs(30)), ..two() };
    let mut instance = instance(&config);
    let number = ask(&mut instance, "u", json!({}), 0);
    assert_eq!(view(&instance, number).offer.unwrap().ends_at, Some(30_000));
    assert!(run(&mut instance, 29_999).is_empty());
    assert_eq!(offered(&instance, number), "a");
    assert!(run(&mut instance, 30_000).is_empty(), "the user hears nothing of it");
    assert_eq!(
        view(&instance, number).offer.unwrap(),
        OfferView { agent: "b".to_owned(), ends_at: Some(60_000) }
    );
    assert_eq!(presence(&instance)[0].0, Presence::Away);
    run(&mut instance, 60_000);
    assert_eq!(offered(&instance, number), "-");
    assert_eq!(view(&instance, number).state, ChatState::Offered, "it waits for who comes back");
    instance.set_available("b", true, 70_000).unwrap();
    assert_eq!(view(&instance, number).offer.unwrap().ends_at, Some(100_000));
    instance.accept(number, None, 99_999).unwrap();
    assert!(run(&mut instance, 200_000).is_empty());
    assert_eq!(view(&instance, number).state, ChatState::Live);
}

#[test]
fn where_nobody_is_sent_away_the_offer_comes_round_again() {
    let offer_timeout = Some(Duration::from_secs(30));
    let config = Config { offer_timeout, away_after_missed_offer: false, ..two() };
    let mut instance = instance(&config);
    let number = ask(&mut instance, "u", json!({}), 0);
    let asked: Vec<_> = [10_000, 40_000, 70_000, 100_000]
        .map(|now| {
            run(&mut instance, now);
            offered(&instance, number)
        })
        .to_vec();
    assert_eq!(asked[..2], ["a", "b"]);
    assert!(asked[2..].iter().all(|agent| agent != "-"));
}

#[test]
fn a_rejected_chat_goes_to_the_next_and_never_back() {
    let mut instance = instance(&two());
    let number = ask(&mut instance, "u", json!({}), 0);
    assert_eq!(instance.reject(number, Some(1), 1).unwrap_err(), DeskError::OfferedToOther);
    assert!(instance.reject(number, None, 1).unwrap().is_empty());
    assert_eq!(offered(&instance, number), "b");
    // The next one is full, not gone: the chat waits.
    let told = instance.reject(number, Some(1), 2).unwrap();
    assert_eq!(gists(&told), [NOBODY, " takeControl"]);
    let chat = chat(&instance);
    assert_eq!((chat.ended_by, chat.end_reason), (Some(EndedBy::Agent), Some("rejected")));
    assert!(instance.open.is_empty());
}

#[test]
fn a_rejected_chat_waits_for_an_agent_who_is_merely_full() {
    let mut instance = instance(&two());
    let [first, second] = ["u", "v"].map(|user| ask(&mut instance, user, json!({}), 0));
    instance.accept(second, None, 1).unwrap();
    assert!(instance.reject(first, None, 2).unwrap().is_empty());
    assert_eq!(offered(&instance, first), "-");
    instance.end(second, 3).unwrap();
    assert_eq!(offered(&instance, first), "b");
}

#[test]
fn who_goes_away_keeps_the_chats_at_hand_and_loses_the_offers() {
    let mut config = two();
    config.agents[0].capacity = 2;
    let mut instance = instance(&config);
    let [live, waiting] = ["u", "v"].map(|user| ask(&mut instance, user, json!({}), 0));
    instance.accept(live, None, 1).unwrap();
    assert_eq!(offered(&instance, waiting), "a");
    instance.set_available("a", false, 2).unwrap();
    assert_eq!(offered(&instance, waiting), "b");
    assert_eq!(presence(&instance)[0], (Presence::Away, 1));
    assert!(instance.write(live, "I am still here", 3).is_ok());
    assert_eq!(instance.set_available("x", true, 4), Err(DeskError::UnknownAgent));
}

#[test]
fn urgent_queues_come_first_and_then_whoever_has_waited_longest() {
    let mut config = two();
    config.agents.truncate(1);
    let mut vip = QueueProfile::new("vip", "VIP").when("vip", "yes");
    (vip.priority, config.queues[0].priority) = (1, 5);
    config.queues.insert(0, vip);
    let mut instance = instance(&config);
    let first = ask(&mut instance, "u", json!({}), 0);
    let plain = ask(&mut instance, "v", json!({}), 1);
    let later = ask(&mut instance, "w", json!({}), 2);
    let urgent = ask(&mut instance, "x", json!({"vip": "yes"}), 3);
    instance.accept(first, None, 4).unwrap();
    for (next, now) in [(urgent, 5), (plain, 6), (later, 7)] {
        let live = views(&instance).into_iter().find(|view| view.state == ChatState::Live);
        let live = ChatView::number_of(&live.unwrap().id).unwrap();
        instance.end(live, now).unwrap();
        assert_eq!(offered(&instance, next), "a");
        instance.accept(next, None, now).unwrap();
    }
}

#[test]
fn an_agent_may_pick_a_chat_that_is_offered_to_nobody() {
    let mut config = two();
    config.agents.truncate(1);
    let mut instance = instance(&config);
    let [first, second] = ["u", "v"].map(|user| ask(&mut instance, user, json!({}), 0));
    assert_eq!(offered(&instance, second), "-");
    instance.accept(second, Some(0), 1).unwrap();
    assert_eq!(view(&instance, second).agent.unwrap().id, "a");
    instance.set_available("a", false, 2).unwrap();
    assert_eq!(instance.accept(first, Some(0), 3).unwrap_err(), DeskError::AgentAway);
    assert_eq!(instance.accept(first, None, 3).unwrap_err(), DeskError::NobodyThere);
}

#[test]
fn the_estimate_counts_who_is_ahead_and_the_time_that_has_gone_by() {
    let wait_status = WaitStatus::Computed(Duration::from_secs(90));
    let mut config = Config { wait_status, ..two() };
    config.agents.truncate(1);
    let mut instance = instance(&config);
    let estimate = |told: &[Callback]| {
        let spinners = told.iter().map(|callback| &callback.body["body"][0]["waitTime"]);
        let shown: Vec<_> = spinners.filter_map(Value::as_str).map(str::to_owned).collect();
        shown.join(", ")
    };
    assert_eq!(instance.queues(0)[0].wait_time.as_deref(), Some("2 Minutes"));
    let mut asked = |user: &str| estimate(&receive(&mut instance, &agent(user), 0).1);
    assert_eq!(asked("u"), "2 Minutes");
    assert_eq!(asked("v"), "3 Minutes");
    assert_eq!(estimate(&run(&mut instance, 60_000)), "30 Seconds, 2 Minutes");
    assert_eq!(estimate(&run(&mut instance, 120_000)), "1 Second, 1 Minute");
    // From now on the average is what the first one really waited.
    let first = of(&instance, "u");
    instance.accept(first, None, 121_000).unwrap();
    assert_eq!(instance.queues(121_000)[0].wait_time.as_deref(), Some("5 Minutes"));
    assert_eq!(estimate(&run(&mut instance, 180_000)), "1 Second");
}

#[test]
fn scripted_agents_share_the_work_and_say_their_own_names() {
    let agent = AgentMode::Scripted(Script::default());
    let mut instance = instance(&Config { agent, ..two() });
    let numbers = ["u", "v", "w"].map(|user| ask(&mut instance, user, json!({}), 0));
    run(&mut instance, 5_000);
    let said = |number| {
        let lines = view(&instance, number).lines;
        lines.into_iter().rfind(|line| line.from == Speaker::Agent).map(|line| line.text)
    };
    assert!(said(numbers[0]).unwrap().contains("this is A."));
    assert!(said(numbers[1]).unwrap().contains("this is B."));
    assert_eq!(view(&instance, numbers[2]).state, ChatState::Offered);
    receive(
        &mut instance,
        &{
            let mut thanks = says("r-9", "thanks");
            thanks["userId"] = "u".into();
            thanks
        },
        6_000,
    );
    run(&mut instance, 20_000);
    assert_eq!(view(&instance, numbers[0]).state, ChatState::Ended);
    assert_eq!(view(&instance, numbers[2]).agent.unwrap().id, "a");
}

#[test]
fn a_queue_has_a_maximum_wait_of_its_own() {
    let mut config = Config { max_wait: Some(Duration::from_secs(90)), ..two() };
    let mut slow = QueueProfile::new("slow", "Slow").when("slow", "yes");
    slow.max_wait = Some(Duration::from_secs(300));
    config.queues.insert(0, slow);
    let mut instance = instance(&config);
    ask(&mut instance, "u", json!({"slow": "yes"}), 0);
    ask(&mut instance, "v", json!({}), 0);
    let offers = |told: Vec<Callback>| {
        told.iter().filter(|c| c.body["body"][1]["uiType"] == "TopicPickerControl").count()
    };
    assert_eq!(offers(run(&mut instance, 90_000)), 1);
    assert_eq!(offers(run(&mut instance, 299_999)), 0);
    assert_eq!(offers(run(&mut instance, 300_000)), 1);
}

#[test]
fn a_restart_keeps_open_chats_or_loses_them_without_a_word() {
    for keeps in [true, false] {
        let mut instance = instance(&two());
        let [live, waiting] = ["u", "v"].map(|user| ask(&mut instance, user, json!({}), 0));
        instance.accept(live, None, 1).unwrap();
        instance.restart(keeps, 2);
        assert_eq!(instance.open.is_empty(), !keeps);
        assert_eq!(instance.write(live, "hello?", 3).is_ok(), keeps);
        assert_eq!(instance.accept(waiting, None, 3).is_ok(), keeps);
        let (_, told) = receive(&mut instance, &agent("u"), 4);
        assert_eq!(told.is_empty(), keeps, "a lost conversation begins anew");
    }
}
