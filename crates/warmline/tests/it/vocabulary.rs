//! Everything that an agent, or a topic inside a live chat, can show and ask: over Direct Line and in
//! Teams, through the real binary, and what the instance makes of the answers.
//!
//! A test answers as a person does: it looks at what is shown, presses one of the buttons that are there
//! or fills the card in, and sends what the client would. So nothing here knows how Warmline builds
//! its cards.

mod cards;
mod page;
mod teams;

use simulator::{AnswerView, Control, Desk};

use crate::{desk, process::WITHIN};

/// The controls that ask, what a person does with each, and what has to arrive at the instance.
const ROUND_TRIPS: [(Control, Does, &[&str]); 18] = [
    (Control::PickerList, Does::Presses("Laptop"), &["laptop"]),
    (Control::PickerLong, Does::Presses("Floor 7"), &["floor-7"]),
    (Control::PickerCarousel, Does::Presses("Laptop 14"), &["l14"]),
    (Control::PickerButtons, Does::Presses("Tablet"), &["tablet"]),
    (Control::PickerMulti, Does::Chooses(&["Phone", "Tablet"]), &["phone,tablet"]),
    (Control::PickerOptional, Does::Skips, &["_skip_"]),
    (Control::ItemPicker, Does::Presses("Laptop"), &["laptop"]),
    (
        Control::TopicPicker,
        Does::Presses("Report a problem"),
        &["b1d2f7d553130010cf8cddeeff7b1202"],
    ),
    (Control::Boolean, Does::Presses("Yes"), &["yes"]),
    (Control::BooleanWithoutValues, Does::Presses("No"), &["No"]),
    (Control::Date, Does::Fills("2026-03-04"), &["2026-03-04", "2026-03-04 00:00:00"]),
    (Control::Time, Does::Fills("09:30"), &["09:30:00"]),
    (Control::DateTime, Does::Fills("2026-03-04 09:30"), &["2026-03-04 09:30:00"]),
    (Control::InputText, Does::Fills("PO-4711 kolibri"), &["PO-4711 kolibri"]),
    (Control::InputTextOptional, Does::Skips, &["_skip_"]),
    (Control::InputTextSecure, Does::Fills("hush kolibri"), &["hush kolibri"]),
    (Control::MultiPart, Does::Presses("Show more"), &["click_for_more"]),
    (Control::Table, Does::Presses("Go on"), &["DONE"]),
];

/// The same answers as somebody types them who sees no buttons.
const TYPED: [(Control, &str, &[&str]); 16] = [
    (Control::PickerList, "laptop", &["laptop"]),
    (Control::PickerList, "2", &["laptop"]),
    (Control::PickerLong, "Floor 7", &["floor-7"]),
    (Control::PickerCarousel, "Laptop 14", &["l14"]),
    (Control::PickerMulti, "Phone, Tablet", &["phone,tablet"]),
    (Control::PickerOptional, "skip", &["_skip_"]),
    (Control::Boolean, "Yes", &["yes"]),
    (Control::BooleanWithoutValues, "no", &["No"]),
    (Control::Date, "2026-03-04", &["2026-03-04", "2026-03-04 00:00:00"]),
    (Control::Date, "March 4, 2026", &["2026-03-04", "2026-03-04 00:00:00"]),
    (Control::Time, "09:30", &["09:30:00"]),
    (Control::Time, "9 am", &["09:00:00"]),
    (Control::DateTime, "2026-03-04 09:30", &["2026-03-04 09:30:00"]),
    (Control::InputText, "PO-4711 kolibri", &["PO-4711 kolibri"]),
    (Control::InputTextOptional, "skip", &["_skip_"]),
    (Control::MultiPart, "Show more", &["click_for_more"]),
];

/// What is only shown, and some of what has to be legible of it. What has no words of its own has none.
const SHOWN: [(Control, &[&str]); 22] = [
    (Control::Text, &["Your order"]),
    (Control::Markdown, &["Your laptop is on its way", "packed"]),
    (Control::SecureText, &["one-time code"]),
    (Control::SensitiveText, &["staff number"]),
    (Control::CitedText, &["reset your password on", "KB0010001"]),
    (Control::Html, &["Your plan", "March", "https://example.org/plan"]),
    (Control::HtmlImage, &["https://example.org/plan"]),
    (Control::Link, &["Travel policy", "https://example.org/policy"]),
    (Control::Links, &["Phone plans", "https://example.org/plans"]),
    (Control::Image, &["A plan of the building"]),
    (Control::Card, &["INC0010023", "In progress"]),
    (Control::CardLargeImage, &["Laptop 14", "Light and quick."]),
    (Control::CardSmallImage, &["Mouse", "With two buttons."]),
    (Control::CardVideo, &["How to unpack"]),
    (Control::CardNotification, &["Approved"]),
    (Control::Table, &["INC0010042", "Opened"]),
    (Control::MultiPart, &["Part 1 of 3."]),
    (Control::CustomControl, &["Please rate the call."]),
    (Control::Stream, &["reset your password on"]),
    (Control::DynamicLoader, &["Asking the warehouse"]),
    (Control::System, &["The conversation is recorded."]),
    (Control::UnknownKind, &["Something that only newer clients can show."]),
];

/// What a person does with what asks.
#[derive(Debug, Clone, Copy)]
enum Does {
    /// Presses the button, or chooses the option and sends the card off.
    Presses(&'static str),
    /// Ticks these, and sends the card off.
    Chooses(&'static [&'static str]),
    /// Fills the fields in, and sends the card off.
    Fills(&'static str),
    /// Leaves it out.
    Skips,
}

/// Waits for the next answer that the instance hears in a chat.
async fn next_answer(desk: &Desk, chat: &str, before: usize) -> AnswerView {
    let heard = |seen: &simulator::Snapshot<'_>| {
        seen.chats().iter().any(|one| one.id == chat && one.answers.len() > before)
    };
    let there = desk.wait_until(heard, WITHIN).await;
    let view = desk::chat(desk, chat);
    assert!(there.is_ok(), "no answer comes; standing: {:?}, lines: {:#?}", view.asked, view.lines);
    view.answers[before].clone()
}

/// The instance took it, in the form that it expects.
fn is_taken(answer: &AnswerView, control: Control, expected: &[&str]) {
    assert_eq!(answer.refused, None, "{control}: {answer:#?}");
    assert!(expected.contains(&answer.text.as_str()), "{control}: {answer:#?}");
}
