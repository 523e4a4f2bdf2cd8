//! What an item asks of the user, and in which form the answer is expected (reference 5.3).

use super::custom::Custom;
use super::raw::RawItem;
use super::{Choice, UiType};

/// What an item asks. The answer is an ordinary message to the instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What kind of answer is expected.
    pub kind: Asks,
    /// What can be chosen, with the value that the answer carries.
    pub options: Vec<Choice>,
    /// Whether the instance insists. Where it does not, `_skip_` is an answer too (reference 3.7).
    pub required: bool,
}

/// The kinds of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// One of the options.
    Choice,
    /// Any number of the options.
    Choices,
    /// Yes or no.
    YesNo,
    /// A date.
    Date,
    /// A time of day.
    Time,
    /// A date and a time of day.
    DateTime,
    /// Words.
    Text {
        /// They are not to be shown or kept readable: `maskType` `SECURE` or `SENSITIVE`.
        secret: bool,
    },
    /// Files.
    Files {
        /// The most at a time, if it is told.
        max_count: Option<u32>,
        /// The largest, in bytes, if it is told.
        max_bytes: Option<u64>,
    },
    /// Whether there should be more of what is shown; the only option says yes.
    More,
}

/// The question of an item; nothing for one that only shows.
pub(super) fn read(ui_type: &UiType, fields: &RawItem<'_>, options: &[Choice]) -> Option<Question> {
    if *ui_type == UiType::CustomControl {
        return of_custom(fields, &Custom::read(fields));
    }
    let kind = match ui_type {
        UiType::Picker if fields.multi_select.flag() => Asks::Choices,
        UiType::Picker | UiType::TopicPicker => Asks::Choice,
        UiType::Boolean => Asks::YesNo,
        UiType::Date => Asks::Date,
        UiType::Time => Asks::Time,
        UiType::DateTime => Asks::DateTime,
        UiType::InputText => Asks::Text { secret: is_masked(fields) },
        UiType::FileUpload | UiType::Picture => {
            Asks::Files { max_count: max_count(fields), max_bytes: max_bytes(fields) }
        }
        UiType::MultiPartOutput | UiType::OutputTable if options.len() == 1 => Asks::More,
        // Others offer options where their instance was taught to.
        _ if !options.is_empty() => Asks::Choice,
        _ => return None,
    };
    // Only what says so can be skipped: an instance takes `_skip_` for words where it cannot be.
    let required = !fields.required.is_present() || fields.required.flag();
    Some(Question { kind, options: options.to_vec(), required })
}

/// The question of a control of the instance's own. In which form it wants its answer is nobody's to
/// know: one of its options, or words.
pub(super) fn of_custom(fields: &RawItem<'_>, custom: &Custom) -> Option<Question> {
    let kind = match custom.options.len() {
        0 if custom.is_input => Asks::Text { secret: is_masked(fields) },
        0 => return None,
        _ if fields.multi_select.flag() => Asks::Choices,
        _ => Asks::Choice,
    };
    let options = custom.options.iter().map(|option| option.choice.clone()).collect();
    let required = !fields.required.is_present() || fields.required.flag();
    Some(Question { kind, options, required })
}

/// Whether what is typed, or shown, is not for every eye.
pub(super) fn is_masked(fields: &RawItem<'_>) -> bool {
    let mask = fields.mask_type.text().unwrap_or_default().trim();
    ["SECURE", "SENSITIVE"].iter().any(|masked| mask.eq_ignore_ascii_case(masked))
}

fn max_count(fields: &RawItem<'_>) -> Option<u32> {
    fields.max_count.text()?.trim().parse().ok().filter(|count| *count > 0)
}

/// The instance tells it in megabytes.
fn max_bytes(fields: &RawItem<'_>) -> Option<u64> {
    const MEGABYTE: u64 = 1024 * 1024;
    let megabytes: u64 = fields.max_size.text()?.trim().parse().ok()?;
    megabytes.checked_mul(MEGABYTE).filter(|bytes| *bytes > 0)
}
