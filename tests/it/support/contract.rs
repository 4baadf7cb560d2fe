//! The contract as the walkers see it: every method of the descriptor set with its options, and ways to fill messages
//! without knowing their types. A new method joins every walk by itself.

use std::sync::LazyLock;

use flagstone_api::options::{Idempotency, MethodPolicy};
use prost::Message;
use prost_reflect::{
    DescriptorPool, DynamicMessage, ExtensionDescriptor, FieldDescriptor, Kind, MapKey, MessageDescriptor,
    MethodDescriptor, ReflectMessage, Value,
};

static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(flagstone_api::DESCRIPTORS).expect("the descriptor set is good"));

/// Methods that are about the caller, whoever that is.
pub const OF_ONESELF: [&str; 4] = ["BeginSsoLink", "ConfirmDeviceLogin", "CreateApiToken", "ListApiTokens"];

/// Everything that the contract describes.
pub fn pool() -> &'static DescriptorPool {
    &POOL
}

/// One method of ours.
#[derive(Clone, Debug)]
pub struct Method {
    pub descriptor: MethodDescriptor,
    pub policy: MethodPolicy,
    /// `/flagstone.v1.RequestService/GetRequest`.
    pub path: String,
    /// `GetRequest`.
    pub name: String,
}

/// All methods of the contract, in the order of their paths.
pub fn methods() -> Vec<Method> {
    let extension = extension("flagstone.options.v1.method");
    let mut methods: Vec<Method> = pool()
        .services()
        .filter(|service| service.package_name() == "flagstone.v1")
        .flat_map(|service| service.methods().collect::<Vec<_>>())
        .map(|descriptor| Method {
            policy: descriptor
                .options()
                .get_extension(&extension)
                .as_message()
                .expect("an option is a message")
                .transcode_to()
                .expect("the option decodes"),
            path: format!("/{}/{}", descriptor.parent_service().full_name(), descriptor.name()),
            name: descriptor.name().to_owned(),
            descriptor,
        })
        .collect();
    methods.sort_by(|a, b| a.path.cmp(&b.path));
    methods
}

/// The method of this name. Names are unique in the contract.
pub fn method(name: &str) -> Method {
    let found = methods().into_iter().find(|method| method.name == name);
    found.unwrap_or_else(|| panic!("the contract has no method {name}"))
}

fn extension(name: &str) -> ExtensionDescriptor {
    pool().get_extension_by_name(name).unwrap_or_else(|| panic!("the contract has no extension {name}"))
}

impl Method {
    /// Anybody may call it.
    pub fn is_public(&self) -> bool {
        self.policy.permissions == ["public"]
    }

    /// Only runners may call it.
    pub fn is_runners(&self) -> bool {
        self.policy.permissions == ["runner"]
    }

    /// Every active principal may call it.
    pub fn is_for_everybody(&self) -> bool {
        self.policy.permissions == ["authenticated"]
    }

    /// It changes something and keeps its answer for a repeated `request_id`.
    pub fn is_mutation(&self) -> bool {
        self.policy.idempotency() == Idempotency::RequestId
    }

    /// It answers in pages.
    pub fn is_list(&self) -> bool {
        self.input().get_field_by_name("page_token").is_some()
    }

    /// Its request has this field.
    pub fn takes(&self, field: &str) -> bool {
        self.input().get_field_by_name(field).is_some()
    }

    /// Type of its request.
    pub fn input(&self) -> MessageDescriptor {
        self.descriptor.input()
    }

    /// Type of its answer.
    pub fn output(&self) -> MessageDescriptor {
        self.descriptor.output()
    }

    /// An empty request.
    pub fn request(&self) -> DynamicMessage {
        DynamicMessage::new(self.input())
    }

    /// A typed request, to be filled further without its type.
    pub fn request_of(&self, message: &impl Message) -> DynamicMessage {
        DynamicMessage::decode(self.input(), message.encode_to_vec().as_slice())
            .unwrap_or_else(|error| panic!("{} is not the request of {}: {error}", self.input().full_name(), self.name))
    }

    /// Every field of its request that names an object, nested ones included: its path and the pattern of the names it
    /// takes, for instance `("request.create.environment", "businessUnits/*/environments/*")`.
    pub fn resource_fields(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        collect(&self.input(), "", &mut Vec::new(), &mut found);
        found
    }

    /// Every place in its request where a text or bytes can stand: in nested messages, in lists, and in maps as key and as
    /// value. Each type is entered once on a path.
    pub fn texts(&self) -> Vec<TextPath> {
        let mut found = Vec::new();
        texts_below(&self.input(), &TextPath::default(), &mut Vec::new(), &mut found);
        found
    }
}

/// Where a text or bytes can stand in a message.
#[derive(Clone, Debug, Default)]
pub struct TextPath(Vec<Step>);

/// One step on the way to a text.
#[derive(Clone, Debug)]
enum Step {
    /// Into a field, or the first of its items.
    Field(FieldDescriptor),
    /// To the key of an entry of a map.
    Key(FieldDescriptor),
    /// Into the value of an entry of a map.
    Entry(FieldDescriptor),
}

impl TextPath {
    fn with(&self, step: Step) -> Self {
        Self(self.0.iter().cloned().chain([step]).collect())
    }

    /// Whether it takes bytes, which need be no text.
    pub fn is_bytes(&self) -> bool {
        let kind = self.0.last().map(|step| match step {
            Step::Field(field) | Step::Key(field) | Step::Entry(field) => field.kind(),
        });
        matches!(kind, Some(Kind::Bytes))
    }

    /// Puts a value there, making what lies on the way. It becomes bytes where bytes are wanted.
    pub fn put(&self, message: &mut DynamicMessage, text: &str) {
        put(message, &self.0, text);
    }
}

impl std::fmt::Display for TextPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            match step {
                Step::Field(field) if field.is_list() => write!(f, "{dot}{}[0]", field.name())?,
                Step::Field(field) => write!(f, "{dot}{}", field.name())?,
                Step::Key(field) => write!(f, "{dot}{}<key>", field.name())?,
                Step::Entry(field) => write!(f, "{dot}{}<value>", field.name())?,
            }
        }
        Ok(())
    }
}

fn texts_below(message: &MessageDescriptor, path: &TextPath, seen: &mut Vec<String>, found: &mut Vec<TextPath>) {
    if seen.iter().any(|name| name == message.full_name()) {
        return;
    }
    seen.push(message.full_name().to_owned());
    for field in message.fields() {
        let (kind, step) = match field.kind() {
            Kind::Message(entry) if field.is_map() => {
                if matches!(entry.map_entry_key_field().kind(), Kind::String) {
                    found.push(path.with(Step::Key(field.clone())));
                }
                (entry.map_entry_value_field().kind(), Step::Entry(field))
            }
            kind => (kind, Step::Field(field)),
        };
        match kind {
            Kind::String | Kind::Bytes => found.push(path.with(step)),
            Kind::Message(inner) => texts_below(&inner, &path.with(step), seen, found),
            _ => {}
        }
    }
    seen.pop();
}

fn put(message: &mut DynamicMessage, path: &[Step], text: &str) {
    let (step, rest) = path.split_first().expect("a path leads somewhere");
    let value = |kind: &Kind| match kind {
        Kind::Bytes => Value::Bytes(text.as_bytes().to_vec().into()),
        _ => Value::String(text.to_owned()),
    };
    match step {
        Step::Field(field) if rest.is_empty() && !field.is_list() => message.set_field(field, value(&field.kind())),
        Step::Field(field) if rest.is_empty() => message.set_field(field, Value::List(vec![value(&field.kind())])),
        Step::Field(field) if field.is_list() => {
            let items = message.get_field_mut(field).as_list_mut().expect("a list is one");
            if items.is_empty() {
                items.push(Value::default_value(&field.kind()));
            }
            put(items[0].as_message_mut().expect("a path leads through messages"), rest, text);
        }
        Step::Field(field) => {
            put(message.get_field_mut(field).as_message_mut().expect("a path leads through messages"), rest, text);
        }
        Step::Key(field) | Step::Entry(field) => {
            let Kind::Message(entry) = field.kind() else { unreachable!("a map has entries") };
            let kind = entry.map_entry_value_field().kind();
            let entries = message.get_field_mut(field).as_map_mut().expect("a map is one");
            let key = if matches!(step, Step::Key(_)) { text } else { "key" };
            let entry = entries.entry(MapKey::String(key.to_owned())).or_insert_with(|| Value::default_value(&kind));
            match entry.as_message_mut() {
                Some(inner) if !rest.is_empty() => put(inner, rest, text),
                _ if matches!(step, Step::Entry(_)) => *entry = value(&kind),
                _ => {}
            }
        }
    }
}

/// Walks all messages below `message`, each type once on a path.
fn collect(message: &MessageDescriptor, prefix: &str, seen: &mut Vec<String>, found: &mut Vec<(String, String)>) {
    if seen.iter().any(|name| name == message.full_name()) {
        return;
    }
    seen.push(message.full_name().to_owned());
    let resource = extension("flagstone.options.v1.resource");
    for field in message.fields() {
        let path = if prefix.is_empty() { field.name().to_owned() } else { format!("{prefix}.{}", field.name()) };
        let options = field.options();
        if options.has_extension(&resource) {
            let pattern = options.get_extension(&resource).as_str().expect("a pattern is a text").to_owned();
            found.push((path, pattern));
        } else if let Kind::Message(inner) = field.kind()
            && inner.package_name() == "flagstone.v1"
            && !field.is_list()
            && !field.is_map()
        {
            collect(&inner, &path, seen, found);
        }
    }
    seen.pop();
}

/// Sets the text at a dotted path, making the messages on the way.
pub fn set(message: &mut DynamicMessage, path: &str, value: impl Into<Value>) {
    match path.split_once('.') {
        None => message.set_field_by_name(path, value.into()),
        Some((first, rest)) => {
            let inner = message.get_field_by_name_mut(first).and_then(Value::as_message_mut);
            set(inner.unwrap_or_else(|| panic!("{first} of {path} is no message")), rest, value);
        }
    }
}

/// The text at a dotted path; empty where there is none.
pub fn text(message: &DynamicMessage, path: &str) -> String {
    value(message, path).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The value at a dotted path.
pub fn value(message: &DynamicMessage, path: &str) -> Option<Value> {
    match path.split_once('.') {
        None => message.get_field_by_name(path).map(std::borrow::Cow::into_owned),
        Some((first, rest)) => {
            let inner = message.get_field_by_name(first)?;
            value(inner.as_message()?, rest)
        }
    }
}

/// The first list in an answer: its page.
pub fn page_of(answer: &DynamicMessage) -> (FieldDescriptor, Vec<Value>) {
    let field = answer.descriptor().fields().find(|field| field.is_list()).expect("an answer in pages has a list");
    let items = answer.get_field(&field).as_list().expect("a list is one").to_vec();
    (field, items)
}

/// Decodes an answer.
pub fn decode(descriptor: MessageDescriptor, bytes: &[u8]) -> DynamicMessage {
    DynamicMessage::decode(descriptor, bytes).expect("an answer decodes")
}
