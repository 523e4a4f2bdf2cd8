//! Reading server-sent events, as far as a gateway's console sends them: names and data.

/// The longest event that is kept, in bytes: far above a passage. What is longer is dropped.
const EVENT_BYTES_MAX: usize = 64 * 1024;

/// One event.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) name: String,
    pub(super) data: String,
}

/// Puts events together from whatever pieces they come in.
#[derive(Debug, Default)]
pub(super) struct Reader {
    line: Vec<u8>,
    name: String,
    data: String,
    too_long: bool,
}

impl Reader {
    /// Takes a piece, and gives the events that it completes.
    pub(super) fn take(&mut self, piece: &[u8]) -> Vec<Event> {
        let mut complete = Vec::new();
        for &byte in piece {
            match byte {
                b'\n' => complete.extend(self.line_ends()),
                b'\r' => {}
                _ if self.line.len() + self.data.len() >= EVENT_BYTES_MAX => self.too_long = true,
                _ => self.line.push(byte),
            }
        }
        complete
    }

    fn line_ends(&mut self) -> Option<Event> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return self.event_ends();
        }
        let line = String::from_utf8_lossy(&line);
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => {
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(value);
            }
            // Comments keep the connection alive; ids are not used.
            _ => {}
        }
        None
    }

    fn event_ends(&mut self) -> Option<Event> {
        let (name, data) = (std::mem::take(&mut self.name), std::mem::take(&mut self.data));
        let whole = !std::mem::take(&mut self.too_long);
        (whole && !data.is_empty()).then_some(Event { name, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, data: &str) -> Event {
        Event { name: name.to_owned(), data: data.to_owned() }
    }

    #[test]
    fn events_are_the_same_in_whatever_pieces_they_come() {
        let sent =
            ": alive\n\nevent: passage\ndata: {\"a\":\"ü\"}\n\nevent:b\r\ndata:1\ndata: 2\n\n";
        let expected = [event("passage", "{\"a\":\"ü\"}"), event("b", "1\n2")];
        for size in 1..=sent.len() {
            let mut reader = Reader::default();
            let read: Vec<_> =
                sent.as_bytes().chunks(size).flat_map(|piece| reader.take(piece)).collect();
            assert_eq!(read, expected, "in pieces of {size}");
        }
    }

    #[test]
    fn an_event_that_is_too_long_is_dropped_and_the_next_is_whole() {
        let mut reader = Reader::default();
        let long = format!("data: {}\n\n", "x".repeat(EVENT_BYTES_MAX));
        assert_eq!(reader.take(long.as_bytes()), []);
        assert_eq!(reader.take(b"data: y\n\n"), [event("", "y")]);
    }
}
