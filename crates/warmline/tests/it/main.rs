//! End to end: the real binary, a simulated ServiceNow in this process, pages that speak Direct
//! Line, and a power cut whenever a test wants one.
//!
//! | module | what it proves |
//! | --- | --- |
//! | `flows` | every flow of the specification, in both dialects, calm and killed after each step |
//! | `abuse` | what attackers try, at every door and across tenants, is refused and changes nothing |
//! | `answers` | every kind of question of the desk, answered by a card and in words, as the instance takes it |
//! | `bot` | a bot of a team's own behind the gateway: what it gets, what it may call, and when it is away |
//! | `azure` | people in Teams: forged requests, every flow, throttling and failures, and kill -9 with sends in flight |
//! | `vocabulary` | every control that an instance can show and ask, and what it makes of the answers |
//! | `catch_up` | what agents said while nobody could hear it is shown once and in its place |
//! | `traffic` | nothing acknowledged is lost, doubled or reordered under traffic and kill -9 |
//! | `webhook` | bad callbacks are refused in words and change nothing |
//! | `direct_line` | bad calls of pages are refused with the right status and code |
//! | `starting` | what stops a start, and how a gateway stops |
//! | `faults` | what each fault of `docs/faults.md` costs, and that the table there is true |
//! | `earlier_versions` | what an earlier version kept is taken over, and a later one's is refused |
//! | `restart` | a start is quick however much is stored, and a stop loses nothing |
//! | `dead_letters` | what could not be delivered is seen and dealt with by an operator |
//! | `orders` | what commands say when the gateway dies before it answers, is somebody else's, or another command is at it |
//! | `openapi` | `/openapi.json` describes every route, and every refusal that these tests provoke |
//! | `tutorial` | the tutorial, word for word, in an empty folder |
//! | `configuration` | the file, sealed secrets, what SIGHUP changes, and what `init` writes |
//! | `console` | an operator signs in, sees what runs and gives orders; nobody else does |
//! | `check` | each thing that `warmline check` finds |
//! | `language` | a chat in German |
//! | `packaging` | what the image and the unit rely on is there |
//! | `metrics` | what `/metrics` tells, and that dashboard, alert rules and docs speak of nothing else |
//! | `traces` | one trace shows user, ServiceNow, agent and user; it costs nobody anything |
//! | `desk_files` | what an agent sends opens for the user, what the user sends reaches the agent |
//! | `doors` | who may come in and how they prove it, what is taken out of what they say, how the instance is called |
//! | `transfers` | a kill while a file is on its way loses none without a word |
//! | `person` | what is kept of one person is given out, and erased from every byte, whatever is killed meanwhile |
//! | `retention` | words past their time are gone for the master key and for copies of the database |
//! | `disk` | nothing that was said lies on the disk in the clear |
//!
//! `house`, `process`, `page`, `desk`, `search` and `moved_clock` are the means. Every house looks through its gateway's log
//! when a test ends: no error, no panic, no secret, nothing that was said.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test as tests do")]

mod abuse;
mod answers;
mod azure;
mod bot;
mod catch_up;
mod check;
mod configuration;
mod console;
mod dead_letters;
mod desk;
mod desk_files;
mod direct_line;
mod disk;
mod doors;
mod earlier_versions;
mod faults;
mod flows;
mod house;
mod keys;
mod language;
mod metrics;
mod moved_clock;
mod openapi;
mod orders;
mod packaging;
mod page;
mod person;
mod process;
mod restart;
mod retention;
mod search;
mod starting;
mod traces;
mod traffic;
mod transfers;
mod tutorial;
mod vocabulary;
mod webhook;
