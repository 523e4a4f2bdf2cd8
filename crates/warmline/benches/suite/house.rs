//! A gateway with an instance behind it and live chats inside, as a subject needs it.

use std::{path::Path, time::Instant};

use anyhow::ensure;
use tempfile::TempDir;

use crate::{
    chats::{self, Chat},
    instance::Instance,
    server::Server,
    slow_fsync::Shim,
};

/// Which gateway it is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Which<'a> {
    /// The one this benchmark was built with.
    Own,
    /// The same, on a slower disk.
    Slower(&'a Shim),
    /// Another build, to be compared with: its program.
    Other(&'a Path),
}

impl Which<'_> {
    /// What its rows in the tables are called.
    fn name(self) -> String {
        match self {
            Self::Own => "gateway".to_owned(),
            Self::Slower(shim) => format!("gateway, fsync +{:?}", shim.added()),
            Self::Other(_) => "the other build".to_owned(),
        }
    }
}

/// Everything that one gateway needs, for as long as it runs.
#[derive(Debug)]
pub(crate) struct House {
    pub(crate) gateway: Server,
    pub(crate) chats: Vec<Chat>,
    pub(crate) instance: Instance,
    /// What its rows in the tables are called.
    pub(crate) name: String,
    /// On the disk of the target folder: a memory disk would make durability free.
    pub(crate) data: TempDir,
}

impl House {
    /// A gateway without a chat.
    pub(crate) async fn empty(which: Which<'_>) -> anyhow::Result<Self> {
        let instance = Instance::start().await?;
        let data = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let gateway = Server::gateway(which, instance.address, data.path()).await?;
        if let Which::Slower(shim) = which {
            let began = Instant::now();
            chats::start_only(gateway.address, 1, None).await?;
            ensure!(began.elapsed() >= shim.added(), "the shim has no effect on this gateway");
        }
        Ok(Self { gateway, chats: Vec::new(), instance, name: which.name(), data })
    }

    /// A gateway with so many live chats.
    pub(crate) async fn with_chats(count: usize, which: Which<'_>) -> anyhow::Result<Self> {
        let mut house = Self::empty(which).await?;
        house.open_chats(count).await?;
        Ok(house)
    }

    /// Opens the chats.
    pub(crate) async fn open_chats(&mut self, count: usize) -> anyhow::Result<()> {
        eprintln!("{}: preparing {count} live chats …", self.name);
        self.chats = chats::open(self.gateway.address, count, &mut self.instance.asked).await?;
        Ok(())
    }
}
