use super::*;

/// Everything of a control that the table below compares, in one line.
fn told(control: &Control) -> String {
    let words = |text: &Option<String>| text.clone().unwrap_or_default();
    let link = |link: &Link| {
        let address = words(&link.address);
        format!("[{}]({address}) {}", link.label, words(&link.description)).trim().to_owned()
    };
    let all = |links: &[Link]| links.iter().map(link).collect::<Vec<_>>().join(" ");
    let image = |image: &Image| format!("<{}> {}", image.address, words(&image.alt));
    let more = |more: &Option<Choice>| {
        more.as_ref().map(|more| format!("{}={}", more.label, more.value)).unwrap_or_default()
    };
    let told = match control {
        Control::Text { words: own, masked, sources } => {
            format!("{masked} {} {}", words(own), all(sources))
        }
        Control::Html { html, image: shown, links } => {
            format!("{html} {} {}", shown.as_ref().map(image).unwrap_or_default(), all(links))
        }
        Control::Links { header, links } => format!("{} {}", words(header), all(links)),
        Control::Image(shown) => image(shown),
        Control::File(file) => link(file),
        Control::Card(card) => format!(
            "{:?} {}|{}|{}|{}|{:?}|{}",
            card.template,
            words(&card.title),
            words(&card.subtitle),
            words(&card.description),
            card.image.as_ref().map(image).unwrap_or_default(),
            card.fields,
            words(&card.address),
        ),
        Control::Table(table) => format!(
            "{} {:?} {:?} {:?} {}",
            words(&table.label),
            table.headers,
            table.rows,
            table.total,
            more(&table.more)
        ),
        Control::Part { content, more: next } => format!("({}) {}", told(content), more(next)),
        Control::Input(input) => {
            let option = |option: &Opt| {
                format!(
                    "{}={} {} {}",
                    option.choice.label,
                    option.choice.value,
                    words(&option.description),
                    words(&option.picture)
                )
            };
            let options: Vec<_> = input.options.iter().map(option).collect();
            format!(
                "{} {:?} {:?} {} {}",
                words(&input.prompt),
                input.asks,
                input.layout,
                input.required,
                options.join(", ")
            )
        }
        Control::Progress(progress) => format!("{} {:?}", words(&progress.header), progress.steps),
        Control::Other => String::new(),
    };
    format!("{} {}", control.name(), told.trim()).trim().to_owned()
}

/// An item, and what it is read as.
const CONTROLS: &[(&str, &str)] = &[
    (r#"{"uiType":"OutputText","value":"Hi","maskType":"NONE"}"#, "Text false Hi"),
    (r#"{"uiType":"outputtext","value":"Hi","maskType":"secure"}"#, "Text true Hi"),
    (
        r#"{"uiType":"OutputText","value":"Hi","citations":[{"title":"KB1","url":"/kb1"},{"title":"no address"},7],"relatedList":[{"label":"More","link":"https://e.org/m"}]}"#,
        "Text false Hi [KB1](/kb1) [no address]() [More](https://e.org/m)",
    ),
    (
        r#"{"uiType":"OutputText","itemType":"FILE","label":"a.pdf","value":"/sys_attachment.do?sys_id=1"}"#,
        "File [a.pdf](/sys_attachment.do?sys_id=1)",
    ),
    (r#"{"uiType":"OutputText","itemType":"file","value":"no address"}"#, "Text false no address"),
    (r#"{"uiType":"OutputText","itemType":"image","value":"/x.iix"}"#, "Image </x.iix>"),
    (r#"{"uiType":"OutputHtml","value":"<b>Hi</b>"}"#, "Html <b>Hi</b>"),
    (
        r#"{"uiType":"OutputHtml","value":"<b>Hi</b>","imageUrl":"/i.png","links":[{"link":"https://e.org","label":"E"}]}"#,
        "Html <b>Hi</b> </i.png>  [E](https://e.org)",
    ),
    (r#"{"uiType":"OutputHtml"}"#, "Other"),
    (
        r#"{"uiType":"OutputLink","label":"Policy","header":"Read","value":{"action":"https://e.org/p"}}"#,
        "Links Read [Policy](https://e.org/p)",
    ),
    (
        r#"{"uiType":"OutputLink","value":"https://e.org/p"}"#,
        "Links [https://e.org/p](https://e.org/p)",
    ),
    (r#"{"uiType":"OutputLink","value":{}}"#, "Other"),
    (
        r#"{"uiType":"GroupedPartsOutputControl","header":"Found","values":[{"label":"A","action":"https://e.org/a","description":"","context":"KB"},{"label":"no address"}]}"#,
        "Links Found [A](https://e.org/a) KB [no address]()",
    ),
    (
        r#"{"uiType":"OutputImage","value":"https://i.example/x.png","altText":"chart"}"#,
        "Image <https://i.example/x.png> chart",
    ),
    (
        r#"{"uiType":"OutputCard","templateName":"Card","data":"{\"title\":\"Incident\",\"subtitle\":\"INC1\",\"fields\":[{\"fieldLabel\":\"State\",\"fieldValue\":\"New\"},{}],\"url\":\"https://e.org/i\"}"}"#,
        r#"Card Record Incident|INC1|||[("State", "New")]|https://e.org/i"#,
    ),
    (
        r#"{"uiType":"OutputCard","templateName":"Large image with text","data":"{\"title\":\"T\",\"description\":\"D\",\"image\":\"/l.png\",\"imageAlt\":\"a\"}"}"#,
        "Card LargeImage T||D|</l.png> a|[]|",
    ),
    (
        r#"{"uiType":"OutputCard","templateName":"small image with text","data":{"title":"T","image":"/s.png"}}"#,
        "Card SmallImage T|||</s.png> |[]|",
    ),
    (
        r#"{"uiType":"OutputCard","templateName":"Youtube Video Card","data":{"title":"T","url":"/r","link":"https://youtu.be/1"}}"#,
        "Card Video T||||[]|https://youtu.be/1",
    ),
    (
        r#"{"uiType":"OutputCard","templateName":"Notification","data":{"title":"T","message":"M"}}"#,
        "Card Notification T||M||[]|",
    ),
    (r#"{"uiType":"OutputCard","data":"broken"}"#, "Other"),
    (r#"{"uiType":"OutputCard","data":{}}"#, "Other"),
    (
        r#"{"uiType":"OutputTable","label":"L","headers":["No","State"],"data":[["INC1",2]],"totalSearchResultsCount":"7","navigationBtnLabel":"More"}"#,
        r#"Table L ["No", "State"] [["INC1", "2"]] Some(7) More=DONE"#,
    ),
    (r#"{"uiType":"OutputTable","headers":["No"],"data":[]}"#, "Other"),
    (
        r#"{"uiType":"MultiPartOutput","navigationBtnLabel":"More","content":{"uiType":"OutputText","value":"1"}}"#,
        "Part (Text false 1) More=click_for_more",
    ),
    (
        r#"{"uiType":"MultiPartOutput","content":{"uiType":"MultiPartOutput","content":{"uiType":"OutputText"}}}"#,
        "Part (Other) More=click_for_more",
    ),
    (
        r#"{"uiType":"Picker","label":"Which?","itemType":"Picture","style":"carousel","options":[{"label":"B","value":"b","order":2,"attachment":{"url":"/b.png"}},{"label":"A","value":"a","order":1,"description":"first","attachment":"/a.png"}]}"#,
        "Input Which? Choice Carousel true A=a first /a.png, B=b  /b.png",
    ),
    (
        r#"{"uiType":"Picker","label":"Which?","style":"list","multiSelect":true,"required":false,"options":[{"label":"A","value":"a"}]}"#,
        "Input Which? Choices List false A=a",
    ),
    (
        r#"{"uiType":"TopicPickerControl","promptMsg":"Choose","label":"All","style":"button","options":[]}"#,
        "Input Choose Choice List true",
    ),
    (
        r#"{"uiType":"Boolean","label":"There?","options":[{"label":"Yes","value":true}]}"#,
        "Input There? YesNo List true Yes=true",
    ),
    (r#"{"uiType":"Date","label":"When?"}"#, "Input When? Date List true"),
    (r#"{"uiType":"Time","label":"When?"}"#, "Input When? Time List true"),
    (r#"{"uiType":"DateTime","label":"When?"}"#, "Input When? DateTime List true"),
    (
        r#"{"uiType":"InputText","label":"PIN?","maskType":"SECURE"}"#,
        "Input PIN? Text { secret: true } List true",
    ),
    (
        r#"{"uiType":"FileUpload","label":"Slip?","maxCount":2}"#,
        "Input Slip? Files { max_count: Some(2), max_bytes: None } List true",
    ),
    (
        r#"{"uiType":"Picture","label":"Photo?"}"#,
        "Input Photo? Files { max_count: None, max_bytes: None } List true",
    ),
    (r#"{"uiType":"CustomControl","name":"x"}"#, "Other"),
    (r#"{"uiType":"CustomControl","name":"x","serializedControlData":"{\"on\":true}"}"#, "Other"),
    (
        r#"{"uiType":"CustomControl","name":"x","label":"Desk","serializedControlData":"{\"deskNumber\":12,\"sys_id\":\"a\",\"image\":\"/d.png\",\"url\":\"https://e.org/d\"}"}"#,
        r#"Card Record Desk|||</d.png> |[("Desk number", "12")]|https://e.org/d"#,
    ),
    (
        r#"{"uiType":"CustomControl","name":"x","serializedControlData":{"title":"T","text":"W"}}"#,
        "Card Record T|W|||[]|",
    ),
    (
        r#"{"uiType":"CustomControl","name":"x","isInput":true,"label":"Rate","serializedControlData":"{\"options\":[{\"label\":\"Good\",\"value\":\"5\"}]}"}"#,
        "Input Rate Choice List true Good=5",
    ),
    (
        r#"{"uiType":"CustomControl","name":"x","isInput":"true","required":false,"serializedControlData":"Where are you?"}"#,
        "Input Where are you? Text { secret: false } List false",
    ),
    (
        r#"{"uiType":"CustomControl","name":"seats","isInput":true,"serializedControlData":"{\"free_seats\":3}"}"#,
        r#"Card Record seats||||[("Free seats", "3")]|"#,
    ),
    (
        r#"{"uiType":"ActionMsg","actionType":"DynamicLoader","header":"Looking","progressMessages":[{"message":"Reading","status":"completed"},{"message":"Writing","status":"inprogress"},{}]}"#,
        r#"Progress Looking [("Reading", true), ("Writing", false)]"#,
    ),
    (r#"{"uiType":"Newest","value":"x"}"#, "Other"),
    (r#""words""#, "Other"),
    ("{", "Other"),
];

#[test]
fn every_control_is_read_with_all_that_it_shows() {
    for (json, expected) in CONTROLS {
        assert_eq!(told(&Control::read(json)), *expected, "{json}");
    }
}

#[test]
fn only_bare_words_are_words_and_nothing_else() {
    for (json, expected) in CONTROLS {
        let is_bare = expected.starts_with("Text false") && !expected.contains('[');
        assert_eq!(Control::read(json).is_words(), is_bare, "{json}");
    }
}

#[test]
fn what_is_shown_of_a_control_in_a_log_has_no_words() {
    for (json, expected) in CONTROLS {
        let shown = format!("{:?}", Control::read(json));
        assert_eq!(shown, expected.split(' ').next().unwrap_or_default(), "{json}");
    }
}

#[test]
fn words_have_the_addresses_that_are_given_out_and_no_others() {
    let open = |address: &str| {
        address.strip_prefix('/').map(|path| format!("https://ours.example/{path}"))
    };
    for (json, expected) in [
        (
            r#"{"uiType":"OutputText","value":"Hi","citations":[{"title":"A","url":"/a"},{"title":"B","url":"b"}]}"#,
            Some("Hi\n- A <https://ours.example/a>\n- B"),
        ),
        (
            r#"{"uiType":"OutputText","itemType":"file","label":"a.pdf","value":"/f"}"#,
            Some("a.pdf <https://ours.example/f>"),
        ),
        (
            r#"{"uiType":"OutputText","itemType":"file","label":"a.pdf","value":"x/f"}"#,
            Some("a.pdf"),
        ),
        (
            r#"{"uiType":"OutputText","itemType":"file","value":"/f"}"#,
            Some("https://ours.example/f"),
        ),
        (r#"{"uiType":"OutputText","itemType":"file","value":"x/f"}"#, None),
        (r#"{"uiType":"OutputImage","value":"x","altText":"chart"}"#, Some("chart")),
        (
            r#"{"uiType":"OutputHtml","value":"<a href='/a'>A</a> <a href='https://e.org/'>B</a>"}"#,
            Some("A <https://ours.example/a> B"),
        ),
        (r#"{"uiType":"OutputCard","data":{"title":"T","url":"x"}}"#, Some("T")),
        (
            r#"{"uiType":"MultiPartOutput","navigationBtnLabel":"More","content":{"uiType":"OutputLink","label":"A","value":"/a"}}"#,
            Some("A <https://ours.example/a>"),
        ),
    ] {
        assert_eq!(Control::read(json).text(&open).as_deref(), expected, "{json}");
    }
}
