//! What goes wrong with callbacks.

use std::time::Duration;

use simulator::{Dialect, Fault, Outcome};

use super::{Chat, notice, shows_all};
use crate::{
    desk,
    house::{House, Setting},
    page::gists,
};

/// The agent's next line comes spoilt, and the user notices nothing.
async fn a_line_comes(fault: Fault) {
    let mut chat = Chat::live().await;
    chat.strikes(fault);
    let line = chat.writes();
    chat.page.shows(&[&format!("agent: Dana: {line}")]).await;
    chat.was_struck().await;
    chat.goes_on().await;
    chat.page.shows_nothing_more().await;
    for callback in chat.house.desk.delivered() {
        assert_eq!(callback.outcome, Outcome::Answered(200), "{}", callback.body);
    }
}

#[tokio::test]
async fn a_line_that_comes_twice_is_shown_once() {
    a_line_comes(Fault::Duplicated).await;
}

#[tokio::test]
async fn a_line_that_comes_late_is_shown_when_it_comes() {
    a_line_comes(Fault::Delayed(Duration::from_secs(1))).await;
}

#[tokio::test]
async fn a_line_whose_body_is_no_list_is_shown() {
    a_line_comes(Fault::BodyAsObject).await;
}

#[tokio::test]
async fn a_line_whose_words_are_in_label_is_shown() {
    a_line_comes(Fault::LabelForValue).await;
}

#[tokio::test]
async fn a_line_whose_score_is_a_text_is_shown() {
    a_line_comes(Fault::ScoreAsString).await;
}

#[tokio::test]
async fn a_line_of_the_wrong_content_type_is_shown() {
    a_line_comes(Fault::WrongContentType).await;
}

#[tokio::test]
async fn a_line_beside_an_action_nobody_knows_is_shown() {
    a_line_comes(Fault::UnknownActionType).await;
}

#[tokio::test]
async fn a_line_without_client_variables_is_shown() {
    a_line_comes(Fault::NoClientVariables).await;
}

#[tokio::test]
async fn a_line_with_an_empty_client_session_id_is_shown() {
    a_line_comes(Fault::EmptyClientSessionId).await;
}

#[tokio::test]
async fn a_line_beside_an_item_nobody_knows_is_shown_and_the_item_as_well_as_it_can_be() {
    let mut chat = Chat::live().await;
    chat.strikes(Fault::UnknownUiType);
    let line = chat.writes();
    chat.was_struck().await;
    let shown = format!("agent: Dana: {line}");
    chat.page.shows(&[&shown, "desk: [OutputHologram]"]).await;
    chat.goes_on().await;
    chat.page.shows_nothing_more().await;
}

#[tokio::test]
async fn lines_that_overtake_each_other_are_each_shown_once() {
    let mut chat = Chat::live().await;
    chat.strikes(Fault::Reordered);
    let (first, second) = (chat.writes(), chat.writes());
    let shown = [second, first].map(|line| format!("agent: Dana: {line}"));
    chat.page.shows(&shown.each_ref().map(String::as_str)).await;
    chat.was_struck().await;
    let count = chat.from_agent.len();
    chat.from_agent.swap(count - 1, count - 2);
    chat.goes_on().await;
}

/// The rest of the chat does not suffer. (What was lost can be fetched only where the integration
/// user may read messages.)
#[tokio::test]
async fn a_line_that_is_lost_on_the_way_costs_nothing_else() {
    let mut chat = Chat::live().await;
    chat.strikes(Fault::Lost);
    let lost = chat.writes();
    chat.was_struck().await;
    chat.from_agent.pop();
    chat.goes_on().await;
    assert!(chat.house.desk.delivered().iter().any(|sent| sent.outcome == Outcome::Lost));
    assert!(!gists(&chat.page.log().await).contains(&format!("agent: Dana: {lost}")));
}

#[tokio::test]
async fn the_news_of_an_agent_in_one_callback_is_the_same_news() {
    let mut chat = Chat::waiting().await;
    chat.strikes(Fault::Joined);
    chat.house.desk.accept(&chat.id).unwrap();
    chat.page.shows(&["notice connected"]).await;
    chat.was_struck().await;
    chat.goes_on().await;
    chat.page.shows_nothing_more().await;
}

#[tokio::test]
async fn the_news_that_an_agent_is_asked_for_in_one_callback_is_the_same_news() {
    let chat = Chat::waiting().await;
    let mut page = chat.house.page("dl_other").await;
    page.shows(&["bot: Hello!…"]).await;
    chat.strikes(Fault::Joined);
    page.post("agent").await;
    page.shows(&["user: agent", "notice asked"]).await;
    shows_all(&mut page, &["desk: Please stand by…", "notice waiting"]).await;
    chat.was_struck().await;
}

#[tokio::test]
async fn news_split_over_callbacks_are_the_same_news() {
    let house =
        super::house_with(|config| config.max_wait = Some(Duration::from_millis(1_500))).await;
    let mut chat = Chat::waiting_at(house).await;
    chat.strikes(Fault::Split);
    chat.was_struck().await;
    // A text and an offer of topics, in two callbacks.
    chat.house.desk.accept(&chat.id).unwrap();
    let connected = |heard: &crate::page::Heard| {
        heard.activities.iter().any(|a| notice(a)["key"] == "connected")
    };
    chat.page.until("an agent is there", connected).await;
    chat.page.skip_what_was_shown();
    chat.goes_on().await;
}

#[tokio::test]
async fn an_end_that_is_told_three_times_and_again_is_told_the_user_once() {
    let mut chat = Chat::live().await;
    chat.strikes(Fault::EndTwice);
    chat.house.desk.end(&chat.id).unwrap();
    chat.is_over(&["notice ended", "notice back_with_bot", "bot: I hope Dana could help.…"]).await;
    chat.was_struck().await;
    assert_eq!(chat.status(), "completed agent_ended");
}

#[tokio::test]
async fn an_agents_word_after_the_end_is_still_shown() {
    let mut chat = Chat::live().await;
    chat.strikes(Fault::MessageAfterEnd);
    chat.house.desk.end(&chat.id).unwrap();
    chat.was_struck().await;
    let late = |heard: &crate::page::Heard| {
        let agents = heard.activities.iter().filter(|a| a["from"]["id"] == "agent");
        agents.count() == 2
    };
    chat.page.until("the late word", late).await;
    chat.page.skip_what_was_shown();
    chat.page.post("and now? kolibri").await;
    chat.page
        .until("the bot has it", |heard| {
            heard.activities.last().is_some_and(|a| a["from"]["id"] == "bot")
        })
        .await;
    let told = gists(&chat.page.log().await);
    assert_eq!(told.iter().filter(|gist| *gist == "notice ended").count(), 1, "{told:#?}");
}

/// The chat stays open for us until somebody says something; then the instance's own answer tells.
#[tokio::test]
async fn an_end_that_is_never_told_is_made_by_the_user() {
    for dialect in [Dialect::ServiceNow, Dialect::Spec] {
        let setting = Setting { dialect, ..Setting::default() };
        let mut chat = Chat::live_at(House::start(setting).await).await;
        chat.strikes(Fault::EndMissing);
        chat.house.desk.end(&chat.id).unwrap();
        chat.was_struck().await;
        chat.page.post("are you there? kolibri").await;
        chat.page.post("end chat").await;
        chat.page
            .until("over", |heard| {
                heard.activities.iter().any(|a| notice(a)["key"] == "back_with_bot")
            })
            .await;
        println!("{dialect:?} {} {:#?}", chat.status(), gists(&chat.page.log().await));
        chat.page.skip_what_was_shown();
        let view = desk::chat(&chat.house.desk, &chat.id);
        assert_eq!(view.state, simulator::ChatState::Ended);
    }
}
