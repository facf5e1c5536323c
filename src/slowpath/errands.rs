//! What takes longer than a turn of the loop, because a disk is in it: a configuration that is read
//! anew, and passwords that clients have replaced, which go into the users file. One thread does it,
//! one thing after the other, so that what is read has what was written before.

use std::collections::VecDeque;
use std::io;
use std::path::Path;

use super::control_plane::ControlPlane;
use super::events;
use super::jobs::{JobPool, Outcome};
use super::settings;
use crate::aaa::PasswordChange;
use crate::clock::Timestamp;
use crate::config::{Changes, Config, ConfigErrors};
use crate::operate::admin::{AdminError, ErrorCode};
use crate::operate::users_file::{Kept, store};

/// Passwords that may wait to be written; clients that replace more get theirs in memory only.
const CHANGES_MAX: usize = 1024;

/// What came of an errand.
enum Done {
    Loaded(Box<Result<Config, ConfigErrors>>),
    Kept(Box<str>, Result<(), String>),
}

/// How far a reload is.
#[derive(Default)]
enum Reload {
    #[default]
    Idle,
    Wanted,
    Loading,
    Told(Result<String, AdminError>),
}

/// The errands, and the configuration that is in force.
pub struct Errands {
    jobs: JobPool<Done>,
    config: Config,
    reload: Reload,
    to_keep: VecDeque<PasswordChange>,
    /// Replaced while a configuration was read, which may not have them.
    since_loading: Vec<PasswordChange>,
}

impl Errands {
    /// Of a server that runs with `config`; `wake` makes the loop call [`Self::turn`].
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn new(config: Config, wake: impl Fn() + Send + Sync + 'static) -> io::Result<Self> {
        Ok(Self {
            jobs: JobPool::new(1, CHANGES_MAX + 1, wake)?,
            config,
            reload: Reload::Idle,
            to_keep: VecDeque::new(),
            since_loading: Vec::new(),
        })
    }

    /// Reads the configuration anew. `None` until that is done: ask again.
    pub fn reload(&mut self) -> Option<Result<String, AdminError>> {
        match std::mem::take(&mut self.reload) {
            Reload::Idle => self.reload = Reload::Wanted,
            Reload::Told(told) => return Some(told),
            waiting @ (Reload::Wanted | Reload::Loading) => self.reload = waiting,
        }
        None
    }

    /// The configuration that is in force.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Begins what is wanted, and takes over what is done.
    pub fn turn(&mut self, plane: &mut ControlPlane, now: Timestamp) {
        self.begin_reload();
        for change in plane.take_password_changes() {
            if self.to_keep.len() < CHANGES_MAX {
                self.to_keep.push_back(change);
            } else {
                events::password_not_kept(&change.user, "too many wait to be written");
            }
        }
        while let Some(change) = self.to_keep.pop_front() {
            self.keep(change);
        }
        while let Some((_, outcome)) = self.jobs.poll_output() {
            match outcome {
                Outcome::Done(Done::Loaded(loaded)) => self.loaded(*loaded, plane, now),
                Outcome::Done(Done::Kept(user, Ok(()))) => events::password_kept(&user),
                Outcome::Done(Done::Kept(user, Err(why))) => events::password_not_kept(&user, &why),
                Outcome::Panicked => {
                    if let Reload::Loading = self.reload {
                        self.tell(Err("reading the configuration failed: see the log".into()));
                    }
                }
            }
        }
    }

    fn begin_reload(&mut self) {
        if !matches!(self.reload, Reload::Wanted) {
            return;
        }
        let file = self.config.file.clone();
        let load = move || Done::Loaded(Box::new(Config::load(&file)));
        if self.jobs.submit(load).is_ok() {
            self.reload = Reload::Loading;
        }
    }

    fn keep(&mut self, change: PasswordChange) {
        let (file, user) = (self.config.users.file.clone(), change.user.clone());
        let for_file = change.duplicate();
        let keep = move || Done::Kept(user, write(&file, &for_file));
        if self.jobs.submit(keep).is_err() {
            events::password_not_kept(&change.user, "too many wait to be written");
        }
        if let Reload::Loading = self.reload {
            self.since_loading.push(change);
        }
    }

    /// A file with any mistake changes nothing.
    fn loaded(
        &mut self,
        loaded: Result<Config, ConfigErrors>,
        plane: &mut ControlPlane,
        now: Timestamp,
    ) {
        let changed = std::mem::take(&mut self.since_loading);
        let new = match loaded {
            Ok(new) => new,
            Err(errors) => return self.tell(Err(format!("{errors}\nnothing was changed"))),
        };
        let changes = Changes::between(&self.config, &new);
        let mut users = settings::local_users(&new);
        for change in &changed {
            users.set_password(change);
        }
        let pools = settings::pool_configs(&new);
        plane.reconfigure(users, settings::session_config(&new), &pools);
        plane.set_realms(settings::realms(&new));
        if !changes.keeps_outages {
            plane.forget_kept(new.outage.users_max as usize);
        }
        for server in &new.radius.servers {
            plane.set_server_secret(&server.name, &server.secret, now);
        }
        for server in &new.tacacs.servers {
            plane.set_tacacs_secret(&server.name, &server.secret, now);
        }
        for client in &new.radius.dynamic.clients {
            plane.set_requester_secret(client.address, &client.secret);
        }
        plane.sessions.set_history_max(new.explain.history_max);
        let mut text = changes.describe();
        for warning in &new.warnings {
            text.push_str(&format!("\nwarning: {warning}"));
        }
        tracing::info!(changes = %changes.describe(), "configuration read anew");
        self.config = new;
        self.tell(Ok(text));
    }

    fn tell(&mut self, told: Result<String, String>) {
        let refused = |message| AdminError {
            code: ErrorCode::Refused,
            message,
        };
        self.reload = Reload::Told(told.map_err(refused));
    }
}

fn write(file: &Path, change: &PasswordChange) -> Result<(), String> {
    if file.as_os_str().is_empty() {
        return Err("there is no users.file".to_owned());
    }
    let kept = match &change.password {
        Some(password) => Kept::Clear(password),
        None => Kept::Hash(&change.nt_hash),
    };
    store::keep_password(file, &change.user, &kept)
}
