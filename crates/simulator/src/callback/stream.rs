//! The virtual agent's answers in pieces, as app 4.1.1 streams them (reference 5.5).
//!
//! Owns the three kinds of envelope: the start, the chunks, and the end with the whole text. Only
//! the last has what an answer has otherwise; agents are never streamed.

use serde_json::{Map, Value, json};

use super::Envelope;

/// In how many chunks a text comes.
const CHUNKS: usize = 3;

/// Where a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamState {
    Start,
    InProgress,
    End,
}

impl StreamState {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Start => "START",
            Self::InProgress => "INPROGRESS",
            Self::End => "END",
        }
    }
}

/// Streams the first text of an envelope; one without texts stays as it is.
pub(crate) fn streamed(mut envelope: Envelope, id: &str) -> Vec<Envelope> {
    let is_text = |item: &&mut Map<String, Value>| {
        item.get("uiType").is_some_and(|kind| kind == "OutputText")
            && item.get("value").is_some_and(Value::is_string)
    };
    let Some(item) = envelope.items.iter_mut().find(is_text) else { return vec![envelope] };
    let text = item.get("value").and_then(Value::as_str).unwrap_or_default().to_owned();
    item.insert("streamId".to_owned(), id.into());
    envelope.stream = Some(StreamState::End);
    let mut told = vec![piece(StreamState::Start, id, 1, "")];
    for (index, chunk) in chunks(&text).into_iter().enumerate() {
        told.push(piece(StreamState::InProgress, id, index + 2, &chunk));
    }
    told.push(envelope);
    told
}

fn piece(state: StreamState, id: &str, sequence: usize, words: &str) -> Envelope {
    let kind = if state == StreamState::Start { "StreamStart" } else { "StreamChunk" };
    let item = json!({"uiType": kind, "streamId": id, "streamSequence": sequence, "value": words});
    Envelope { stream: Some(state), ..Envelope::of(item) }
}

/// The text in pieces that, one after the other, are the text.
fn chunks(text: &str) -> Vec<String> {
    let words: Vec<_> = text.split_inclusive(' ').collect();
    words.chunks(words.len().div_ceil(CHUNKS).max(1)).map(<[_]>::concat).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callback::item;

    #[test]
    fn the_chunks_are_the_text_and_the_end_has_it_whole() {
        let words = "I can help you with that today";
        let told = streamed(Envelope::of(item::text(words)).scored(), "s");
        let states: Vec<_> = told.iter().map(|envelope| envelope.stream.unwrap().name()).collect();
        assert_eq!(states, ["START", "INPROGRESS", "INPROGRESS", "INPROGRESS", "END"]);
        let value = |envelope: &Envelope| envelope.items[0]["value"].as_str().unwrap().to_owned();
        assert_eq!(told[1..4].iter().map(value).collect::<String>(), words);
        let sequences =
            told[..4].iter().map(|envelope| envelope.items[0]["streamSequence"].clone());
        assert_eq!(sequences.collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert_eq!((value(&told[4]).as_str(), told[4].score), (words, Some(0)));
        assert!(told[..4].iter().all(|envelope| envelope.score.is_none()));
        assert!(told.iter().all(|envelope| envelope.items[0]["streamId"] == "s"));
    }

    #[test]
    fn what_has_no_text_is_not_streamed() {
        let told = streamed(Envelope::of(item::bye_picker()), "s");
        assert!(told.len() == 1 && told[0].stream.is_none());
    }
}
