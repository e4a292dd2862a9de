//! What keeps SQL to the folders that the user allowed, and from the network.

use hyperwire_tokio::hyperd::Enforced;

use super::policy::Policy;

/// What holds in this server, on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Protection {
    /// Whether there are folders to keep to.
    bounded: bool,
    /// Whether hyperd is this server's own, so that it can be confined.
    private: bool,
    network: bool,
    kernel: Enforced,
}

impl Protection {
    pub(crate) fn new(bounded: bool, private: bool, policy: &Policy) -> Self {
        Self { bounded, private: private || bounded, network: policy.network(), kernel: Enforced::here() }
    }

    /// Whether the kernel keeps hyperd to the folders, so that links lead nowhere else.
    pub(crate) fn folders_by_kernel(self) -> bool {
        self.bounded && self.kernel.folders
    }

    /// One line about files, and one about the network.
    pub(crate) fn lines(self) -> [String; 2] {
        let files = match (self.bounded, self.kernel.folders) {
            (false, _) => "SQL may open any file that the user may open; --allow-dir limits it to folders",
            (true, true) => {
                "hyperd is kept to the allowed folders by the kernel (Landlock) and by its own settings"
            }
            (true, false) => {
                "hyperd is kept to the allowed folders by its own settings alone, since this kernel has no Landlock: SQL that \
                 may open files is refused while a link leads out of a folder, but one that is made meanwhile is followed"
            }
        };
        let network = match (self.network, self.private, self.kernel.network) {
            (true, ..) => "statements may reach other machines (--allow-network)",
            (false, true, true) => {
                "statements that name other machines are refused, and the kernel (Landlock) lets hyperd make no TCP connection"
            }
            (false, ..) => "statements that name other machines are refused",
        };
        [files.to_owned(), network.to_owned()]
    }
}
