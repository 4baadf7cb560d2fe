//! The Flagstone contract, generated from `proto/`: messages, clients, server traits and the descriptor set. The
//! reference is the comments in the `.proto` files; the server's reflection serves them.

#![allow(
    clippy::doc_lazy_continuation,
    clippy::large_enum_variant,
    clippy::disallowed_methods,
    reason = "generated code"
)]

/// Our own packages.
pub mod flagstone {
    pub mod options {
        /// What methods declare about themselves.
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/flagstone.options.v1.rs"));
        }
    }
    /// The services and their messages.
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/flagstone.v1.rs"));
    }
}

/// Vendored packages that ours refer to.
pub mod google {
    pub mod api {
        include!(concat!(env!("OUT_DIR"), "/google.api.rs"));
    }
    pub mod rpc {
        include!(concat!(env!("OUT_DIR"), "/google.rpc.rs"));
    }
}

pub use flagstone::options::v1 as options;
pub use flagstone::v1 as pb;

/// The encoded `FileDescriptorSet` of everything above, with method options and comments.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.binpb"));

/// What every mutating call carries.
pub trait Mutation: prost::Message {
    /// UUID of the caller's choosing; empty where the call is not to be replayed.
    fn request_id(&self) -> &str;
    /// Run the real handler, roll back and fill `effects`.
    fn validate_only(&self) -> bool;
}

/// What a mutation that can be dry-run answers.
pub trait Answer: prost::Message + Default {
    /// Fills the output-only field `effects`.
    fn set_effects(&mut self, effects: pb::Effects);
}

include!(concat!(env!("OUT_DIR"), "/traits.rs"));
