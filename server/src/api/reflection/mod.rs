//! Server reflection: what services there are, for tools that do not have their definitions, such as
//! `grpcurl`. Needs no credentials.

mod index;

use std::sync::Arc;

use futures_util::{Stream, stream};
use prost::Message;
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_reflection::pb::{v1, v1alpha};

use self::index::Index;
use super::{ResponseStream, context::Context, errors::ApiError, metadata};
use crate::{node::NodeError, wire::in_grpc_words};

/// The client services, as `build.rs` has described them.
const CLIENT_SERVICES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/client_services.binpb"));

/// Both versions of the service; the newer one differs by its name only.
#[derive(Clone)]
pub(super) struct ReflectionService {
    context: Context,
    index: Arc<Index>,
}

#[tonic::async_trait]
impl v1::server_reflection_server::ServerReflection for ReflectionService {
    type ServerReflectionInfoStream = ResponseStream<v1::ServerReflectionResponse>;

    async fn server_reflection_info(
        &self,
        request: Request<Streaming<v1::ServerReflectionRequest>>,
    ) -> Result<Response<Self::ServerReflectionInfoStream>, Status> {
        metadata::check(&self.context, request.metadata())?;
        Ok(Response::new(Box::pin(self.answers(request.into_inner()))))
    }
}

#[tonic::async_trait]
impl v1alpha::server_reflection_server::ServerReflection for ReflectionService {
    type ServerReflectionInfoStream = ResponseStream<v1alpha::ServerReflectionResponse>;

    async fn server_reflection_info(
        &self,
        request: Request<Streaming<v1alpha::ServerReflectionRequest>>,
    ) -> Result<Response<Self::ServerReflectionInfoStream>, Status> {
        metadata::check(&self.context, request.metadata())?;
        Ok(Response::new(Box::pin(self.answers(request.into_inner()))))
    }
}

impl ReflectionService {
    pub(super) fn new(context: Context) -> Self {
        let described = [
            CLIENT_SERVICES,
            v1::FILE_DESCRIPTOR_SET,
            v1alpha::FILE_DESCRIPTOR_SET,
        ];
        let index = Index::of(&described).expect("the build has made them");
        Self {
            context,
            index: Arc::new(index),
        }
    }

    /// One answer to each request, in order; ends with the requests.
    fn answers<Q, A>(
        &self,
        requests: Streaming<Q>,
    ) -> impl Stream<Item = Result<A, Status>> + use<Q, A>
    where
        Q: Message,
        A: Message + Default,
    {
        let state = Some((self.clone(), requests));
        stream::unfold(state, |state| async {
            let (service, mut requests) = state?;
            let stop = service.context.stop.clone();
            let answer = tokio::select! {
                biased;
                () = stop.raised() => Err(ApiError::from(NodeError::Stopped).into()),
                request = requests.message() => match request {
                    Ok(request) => service.index.answer_as(&request?),
                    Err(status) => Err(in_grpc_words(status)),
                },
            };
            let state = answer.is_ok().then_some((service, requests));
            Some((answer, state))
        })
    }
}

impl Index {
    /// The answer to a request of either version: both are the same on the wire.
    fn answer_as<A: Message + Default>(&self, request: &impl Message) -> Result<A, Status> {
        let broken = |_| Status::internal("the versions of reflection differ");
        let request = v1::ServerReflectionRequest::decode(&request.encode_to_vec()[..]);
        let answer = self.answer(request.map_err(broken)?)?;
        A::decode(&answer.encode_to_vec()[..]).map_err(broken)
    }

    /// What is not there is told in the answer, and the next question may follow.
    fn answer(
        &self,
        request: v1::ServerReflectionRequest,
    ) -> Result<v1::ServerReflectionResponse, Status> {
        use v1::{
            server_reflection_request::MessageRequest as Asked,
            server_reflection_response::MessageResponse as Answer,
        };
        let Some(asked) = &request.message_request else {
            return Err(Status::invalid_argument("invalid MessageRequest"));
        };
        let file = |found: Option<&[u8]>| {
            let file_descriptor_proto = vec![found?.to_vec()];
            let file = v1::FileDescriptorResponse {
                file_descriptor_proto,
            };
            Some(Answer::FileDescriptorResponse(file))
        };
        let answer = match asked {
            Asked::FileByFilename(name) => file(self.file(name)),
            Asked::FileContainingSymbol(symbol) => file(self.file_of(symbol)),
            // There are no extensions.
            Asked::FileContainingExtension(_) => None,
            Asked::AllExtensionNumbersOfType(name) => self.file_of(name).map(|_| {
                Answer::AllExtensionNumbersResponse(v1::ExtensionNumberResponse {
                    base_type_name: name.clone(),
                    extension_number: Vec::new(),
                })
            }),
            Asked::ListServices(_) => {
                let service = |name: &String| v1::ServiceResponse { name: name.clone() };
                Some(Answer::ListServicesResponse(v1::ListServiceResponse {
                    service: self.services().iter().map(service).collect(),
                }))
            }
        };
        let not_found = || {
            Answer::ErrorResponse(v1::ErrorResponse {
                error_code: Code::NotFound.into(),
                error_message: "not found".to_owned(),
            })
        };
        Ok(v1::ServerReflectionResponse {
            valid_host: request.host.clone(),
            message_response: Some(answer.unwrap_or_else(not_found)),
            original_request: Some(request),
        })
    }
}
