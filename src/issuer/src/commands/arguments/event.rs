//! What is said of events, their doors, channels and claims.

use std::path::PathBuf;

use attendance::words::{DoorId, EventId, RoomId};
use clap::{Args, Subcommand, ValueEnum};

#[derive(Subcommand)]
pub(in crate::commands) enum Event {
    /// Make an event: its ledger and its badge key
    #[command(
        after_help = "Example:\n  rollcall-issuer event create --id gp-2026 --title \"Good Practice 2026\" \\\n    \
        --zone Europe/Vienna --languages en,de --names first"
    )]
    Create(NewEvent),
    /// List the events
    #[command(after_help = "Example:\n  rollcall-issuer event list")]
    List,
    /// Show or set the keys by which the event's shop signs tickets
    #[command(
        after_help = "Examples:\n  rollcall-issuer event tickets --event gp-2026 --key \"$(cat pretix_sig1.pem)\"\n  \
        rollcall-issuer event tickets --event gp-2026 --none\n\n\
        A door lets in whoever shows a ticket that one of these keys signed, though its list of badges does not have it yet. The keys given \
        take the place of those before. pretix shows its key as valid_keys, pretix_sig1, of the event in its API."
    )]
    Tickets {
        /// The event
        #[arg(long)]
        event: EventId,
        /// A key: as pretix shows it, a PEM file's text, or 32 bytes in base64; more than once while keys change
        #[arg(long = "key", value_name = "KEY", conflicts_with = "none")]
        keys: Vec<String>,
        /// No signed tickets any more
        #[arg(long)]
        none: bool,
    },
}

#[derive(Args)]
pub(in crate::commands) struct NewEvent {
    /// Its id, for life: small letters, digits, hyphens
    #[arg(long)]
    pub(in crate::commands) id: EventId,
    /// Its title, as certificates print it
    #[arg(long)]
    pub(in crate::commands) title: String,
    /// Its IANA time zone, such as Europe/Vienna
    #[arg(long)]
    pub(in crate::commands) zone: String,
    /// Its languages, the first being the default
    #[arg(long, value_delimiter = ',', default_value = "en")]
    pub(in crate::commands) languages: Vec<String>,
    /// How much of a name a door's screen shows
    #[arg(long, value_enum, default_value_t = Names::First)]
    pub(in crate::commands) names: Names,
    /// Seconds within which a badge scanned again is a repeat
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=3600))]
    pub(in crate::commands) repeat_s: u32,
    /// Seconds before a session and after its end in which a door counts it as on
    #[arg(long, default_value_t = 1800, value_parser = clap::value_parser!(u32).range(0..=86_400))]
    pub(in crate::commands) margin_s: u32,
}

#[derive(Clone, Copy, ValueEnum)]
pub(in crate::commands) enum Names {
    /// The first word of it
    First,
    /// All of it
    Full,
    /// Nothing of it
    None,
}

#[derive(Subcommand)]
pub(in crate::commands) enum Door {
    /// Add a door, or change the title or rooms of one
    #[command(after_help = "Examples:\n  \
        rollcall-issuer door add --event gp-2026 --door hall-door --title \"Great Hall\" --room main-hall\n  \
        rollcall-issuer door add --event gp-2026 --door foyer --title Foyer --room main-hall --room room-2\n\n\
        Rooms that the agenda does not have are made.")]
    Add {
        /// The event
        #[arg(long)]
        event: EventId,
        /// The door's id: small letters, digits, hyphens
        #[arg(long)]
        door: DoorId,
        /// Its title, as screens and staff pages show it
        #[arg(long)]
        title: String,
        /// A room it leads to; more than once for more rooms, the first being where a scan counts if nothing tells them apart
        #[arg(long = "room", required = true, value_name = "ROOM")]
        rooms: Vec<RoomId>,
    },
    /// List the doors with their kiosks
    #[command(after_help = "Example:\n  rollcall-issuer door list --event gp-2026")]
    List {
        /// The event
        #[arg(long)]
        event: EventId,
    },
    /// Give up the entries that a door has not delivered, so that nobody waits for them any longer
    #[command(
        after_help = "Example:\n  rollcall-issuer door lost --event gp-2026 --door foyer --reason kiosk_stolen --operator ada\n\n\
        This cannot be undone. Entries that come later all the same are kept and decided with."
    )]
    Lost {
        /// The event
        #[arg(long)]
        event: EventId,
        /// The door
        #[arg(long)]
        door: DoorId,
        /// Why, as a code of a-z, 0-9 and _
        #[arg(long)]
        reason: String,
        /// Who says so: the id of an account
        #[arg(long)]
        operator: String,
    },
}

#[derive(Subcommand)]
pub(in crate::commands) enum Channel {
    /// Name a channel, or change its title or rooms
    #[command(after_help = "Example:\n  \
        rollcall-issuer channel add --event gp-2026 --channel zoom/82912345678 --title \"Great Hall, streamed\" --room main-hall\n\n\
        What was seen there before counts from now on.")]
    Add {
        /// The event
        #[arg(long)]
        event: EventId,
        /// The channel as its platform's signals name it; an alarm about an unknown place says the name
        #[arg(long)]
        channel: String,
        /// Its title, as staff pages show it
        #[arg(long)]
        title: String,
        /// A room whose sessions it holds; more than once for more rooms, the first being where a signal counts if nothing tells them apart
        #[arg(long = "room", required = true, value_name = "ROOM")]
        rooms: Vec<RoomId>,
    },
    /// List the channels with their rooms
    #[command(after_help = "Example:\n  rollcall-issuer channel list --event gp-2026")]
    List {
        /// The event
        #[arg(long)]
        event: EventId,
    },
}

#[derive(Args)]
pub(in crate::commands) struct Claim {
    /// The event
    #[arg(long)]
    pub(in crate::commands) event: EventId,
    /// The door
    #[arg(long)]
    pub(in crate::commands) door: DoorId,
    /// For how many hours it can be used
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=720))]
    pub(in crate::commands) valid_hours: u32,
    /// Write it as a page with a QR code as well, to be held before a kiosk's reader; must not exist yet
    #[arg(long, value_name = "FILE")]
    pub(in crate::commands) out: Option<PathBuf>,
}
