//! What goes wrong with tokens.

use std::time::Duration;

use simulator::{Fault, Times};

use super::{Chat, house_with};

/// Everything the user said was taken in the end, and this many tokens were asked for since.
async fn costs(chat: &mut Chat, tokens: u64) {
    let before = chat.house.desk.tokens_granted();
    costs_since(before, chat, tokens).await;
}

/// The same, counted from an earlier moment.
async fn costs_since(before: u64, chat: &mut Chat, tokens: u64) {
    chat.goes_on().await;
    chat.goes_on().await;
    assert_eq!(chat.house.desk.tokens_granted() - before, tokens, "tokens");
    chat.page.shows_nothing_more().await;
}

#[tokio::test]
async fn a_401_in_the_middle_of_a_chat_costs_one_token_and_nothing_else() {
    let mut chat = Chat::live().await;
    chat.strikes(Fault::Unauthorized);
    costs(&mut chat, 1).await;
    chat.was_struck().await;
}

#[tokio::test]
async fn a_token_that_another_gateway_revoked_costs_one_token_and_nothing_else() {
    let mut chat = Chat::live().await;
    chat.house.desk.revoke_tokens();
    costs(&mut chat, 1).await;
}

#[tokio::test]
async fn a_dead_refresh_token_is_healed_by_the_password() {
    let mut chat = Chat::live().await;
    // The next process begins with the refresh token that was kept.
    chat.strikes(Fault::RefreshTokenDead);
    // It asks for a token as soon as it is there, to catch up.
    let before = chat.house.desk.tokens_granted();
    chat.house.restart().await;
    costs_since(before, &mut chat, 1).await;
    chat.was_struck().await;
}

#[tokio::test]
async fn a_token_endpoint_that_sleeps_holds_a_word_up_and_loses_none() {
    let mut chat = Chat::live().await;
    chat.house.desk.inject(Fault::TokenHtml, Times::Next(2));
    chat.strikes(Fault::Unauthorized);
    costs(&mut chat, 1).await;
    chat.was_struck().await;
    chat.operator_sees("delivery.outcome=\"hibernating\"").await;
}

#[tokio::test]
async fn credentials_that_are_refused_for_a_while_hold_words_and_lose_none() {
    let mut chat = Chat::live().await;
    chat.house.desk.inject(Fault::TokenRefused, Times::Next(2));
    chat.strikes(Fault::Unauthorized);
    let said = chat.says().await;
    chat.page.shows(&[&format!("user: {said}")]).await;
    chat.operator_sees("SERVICENOW_CLIENT_ID").await;
    chat.agent_has_read_all().await;
    chat.was_struck().await;
}

#[tokio::test]
async fn a_token_that_lives_for_two_seconds_is_renewed_in_time_and_never_refused() {
    let mut chat = Chat::live_at(house_with(|config| config.access_token_seconds = 2).await).await;
    let before = chat.house.desk.tokens_granted();
    let began = std::time::Instant::now();
    while chat.house.desk.tokens_granted() < before + 2 {
        assert!(began.elapsed() < Duration::from_secs(15), "it is renewed");
        chat.goes_on().await;
    }
    assert!(began.elapsed() >= Duration::from_secs(1), "not at every request");
    let refused = chat.house.desk.ledger().iter().filter(|entry| entry.status == 401).count();
    assert_eq!(refused, 0);
}
