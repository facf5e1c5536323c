//! From a configuration to the command line that DPDK's environment parses.

use std::ffi::CString;

use crate::error::Error;

/// How the environment is to start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EalConfig {
    /// Names this process under `/var/run/dpdk`; two running processes need two names. `None`
    /// takes `pns-` and the process id.
    pub file_prefix: Option<String>,
    /// Where packet memory comes from.
    pub memory: Memory,
    /// Whether PCI devices are probed at all.
    pub pci: bool,
    /// With `pci`: the addresses to probe, or every bound device if empty.
    pub pci_allow: Vec<String>,
    /// Virtual devices, each as `name,key=value,…`.
    pub vdevs: Vec<String>,
    /// The CPU that DPDK calls its main one: `None` takes the first that this thread may run on.
    /// The thread that initializes is not left bound to it.
    pub main_lcore: Option<usize>,
    /// Which of DPDK's own messages reach standard error.
    pub log_level: LogLevel,
    /// Forces virtual addresses for device IO. Right for virtual devices and with an IOMMU; DPDK
    /// decides otherwise.
    pub iova_va: bool,
    /// Opens DPDK's telemetry socket.
    pub telemetry: bool,
}

/// Where packet memory comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// Huge pages.
    Huge {
        /// Leaves no files behind and needs no mount; secondary processes cannot attach.
        in_memory: bool,
    },
    /// Ordinary pages: needs no preparation, costs speed, and suits virtual devices only.
    NoHuge {
        /// How much to reserve.
        megabytes: usize,
    },
}

impl Default for Memory {
    fn default() -> Self {
        Self::Huge { in_memory: true }
    }
}

/// Which of DPDK's own messages reach standard error: this level and the worse ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogLevel {
    /// Failures.
    Error,
    /// And what may become one.
    Warning,
    /// And what is unusual.
    #[default]
    Notice,
    /// And the course of events.
    Info,
    /// Everything.
    Debug,
}

impl LogLevel {
    fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

impl EalConfig {
    /// The name under which the environment keeps its sockets.
    pub(crate) fn prefix(&self) -> String {
        self.file_prefix
            .clone()
            .unwrap_or_else(|| format!("pns-{}", std::process::id()))
    }

    /// The arguments, program name first. Every value is checked here, so that the C parser, which
    /// would print its usage, never has a reason to complain.
    pub(crate) fn arguments(&self, main_cpu: usize) -> Result<Vec<CString>, Error> {
        let mut list = vec!["pns".to_owned(), format!("--lcores=0@{main_cpu}")];
        list.push(format!(
            "--file-prefix={}",
            checked("file_prefix", &self.prefix())?
        ));
        self.memory_arguments(&mut list)?;
        if self.pci {
            for address in &self.pci_allow {
                list.push(format!("--allow={}", checked("pci_allow", address)?));
            }
        } else {
            list.push("--no-pci".to_owned());
        }
        for device in &self.vdevs {
            list.push(format!("--vdev={}", checked("vdevs", device)?));
        }
        list.push(format!("--log-level={}", self.log_level.name()));
        if self.iova_va {
            list.push("--iova-mode=va".to_owned());
        }
        if !self.telemetry {
            list.push("--no-telemetry".to_owned());
        }
        list.into_iter()
            .map(|text| CString::new(text).map_err(|_| nul()))
            .collect()
    }

    fn memory_arguments(&self, list: &mut Vec<String>) -> Result<(), Error> {
        match self.memory {
            Memory::Huge { in_memory: true } => list.push("--in-memory".to_owned()),
            Memory::Huge { in_memory: false } => {}
            Memory::NoHuge { megabytes } => {
                if !(16..=512 * 1024).contains(&megabytes) {
                    return Err(Error::InvalidArgument {
                        name: "memory",
                        reason: format!("{megabytes} megabytes are not 16 to 524288"),
                    });
                }
                list.push("--no-huge".to_owned());
                list.push("-m".to_owned());
                list.push(megabytes.to_string());
                // Nobody could attach to ordinary pages, so there is no need for the files.
                list.push("--no-shconf".to_owned());
            }
        }
        Ok(())
    }
}

fn checked<'a>(name: &'static str, value: &'a str) -> Result<&'a str, Error> {
    let refuse = |reason: &str| {
        Err(Error::InvalidArgument {
            name,
            reason: reason.to_owned(),
        })
    };
    if value.is_empty() {
        return refuse("is empty");
    }
    if value.contains(char::is_whitespace) || value.contains('\0') {
        return refuse("contains white space");
    }
    if name == "file_prefix" && (value.contains(['/', '%']) || value.len() > 64) {
        return refuse("is a file name of at most 64 characters without / and %");
    }
    Ok(value)
}

fn nul() -> Error {
    Error::InvalidArgument {
        name: "argument",
        reason: "contains a NUL".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(config: &EalConfig) -> String {
        let list = config.arguments(3).unwrap();
        list.iter()
            .map(|text| text.to_str().unwrap())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn virtual_devices_without_huge_pages() {
        let config = EalConfig {
            file_prefix: Some("lab".into()),
            memory: Memory::NoHuge { megabytes: 256 },
            vdevs: vec![
                "net_af_xdp0,iface=va,force_copy=1".into(),
                "net_null0".into(),
            ],
            iova_va: true,
            ..EalConfig::default()
        };
        assert_eq!(
            line(&config),
            "pns --lcores=0@3 --file-prefix=lab --no-huge -m 256 --no-shconf --no-pci \
             --vdev=net_af_xdp0,iface=va,force_copy=1 --vdev=net_null0 --log-level=notice \
             --iova-mode=va --no-telemetry"
        );
    }

    #[test]
    fn a_network_card_on_huge_pages() {
        let config = EalConfig {
            file_prefix: Some("pns".into()),
            memory: Memory::Huge { in_memory: false },
            pci: true,
            pci_allow: vec!["0000:01:00.0".into()],
            log_level: LogLevel::Info,
            telemetry: true,
            ..EalConfig::default()
        };
        assert_eq!(
            line(&config),
            "pns --lcores=0@3 --file-prefix=pns --allow=0000:01:00.0 --log-level=info"
        );
        assert!(line(&EalConfig::default()).contains("--in-memory"));
    }

    #[test]
    fn values_that_the_c_parser_would_stumble_on_are_refused() {
        let refused = |config: EalConfig| config.arguments(0).unwrap_err();
        let prefix = |text: &str| EalConfig {
            file_prefix: Some(text.into()),
            ..Default::default()
        };
        for bad in ["", "a/b", "a b", "a%n", "a\0b", &"x".repeat(65)] {
            assert!(matches!(
                refused(prefix(bad)),
                Error::InvalidArgument {
                    name: "file_prefix",
                    ..
                }
            ));
        }
        for megabytes in [0, 15, 512 * 1024 + 1] {
            let memory = Memory::NoHuge { megabytes };
            refused(EalConfig {
                memory,
                ..Default::default()
            });
        }
        refused(EalConfig {
            vdevs: vec![String::new()],
            ..Default::default()
        });
    }
}
