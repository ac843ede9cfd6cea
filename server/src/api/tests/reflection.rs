//! Server reflection.

use tonic_reflection::pb::{
    v1::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest as Ask,
        server_reflection_response::MessageResponse as Answer,
    },
    v1alpha,
};

use super::support::{Member, requests};

const SERVICES: [&str; 11] = [
    "etcdserverpb.Auth",
    "etcdserverpb.Cluster",
    "etcdserverpb.KV",
    "etcdserverpb.Lease",
    "etcdserverpb.Maintenance",
    "etcdserverpb.Watch",
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
    "v3electionpb.Election",
    "v3lockpb.Lock",
];

pub(super) async fn services_describe_themselves(member: Member) {
    let (sender, stream) = requests();
    let mut client = ServerReflectionClient::new(member.channel());
    let answers = client.server_reflection_info(stream).await;
    let mut answers = answers.expect("a stream").into_inner();
    let mut ask = async |asked: Ask| {
        let request = ServerReflectionRequest {
            host: "h".to_owned(),
            message_request: Some(asked),
        };
        sender.send(request.clone()).await.expect("it is open");
        let answer = answers.message().await.expect("no error").expect("one");
        assert_eq!(answer.original_request, Some(request));
        answer.message_response.expect("an answer")
    };

    let Answer::ListServicesResponse(list) = ask(Ask::ListServices(String::new())).await else {
        panic!("a list")
    };
    let names: Vec<_> = list.service.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, SERVICES);

    // Whatever is needed to read a service can be had from the files that it names.
    let mut files = Vec::new();
    for symbol in [
        "etcdserverpb.KV.Txn",
        "v3lockpb.Lock",
        "mvccpb.Event.EventType",
    ] {
        let asked = Ask::FileContainingSymbol(symbol.to_owned());
        let Answer::FileDescriptorResponse(found) = ask(asked).await else {
            panic!("{symbol} is known")
        };
        files.extend(found.file_descriptor_proto);
    }
    while let Some(file) = files.pop() {
        let file: prost_types::FileDescriptorProto =
            prost::Message::decode(&file[..]).expect("a file");
        for needed in file.dependency {
            let asked = Ask::FileByFilename(needed.clone());
            let Answer::FileDescriptorResponse(found) = ask(asked).await else {
                panic!("{needed} is known")
            };
            files.extend(found.file_descriptor_proto);
        }
    }
    for unknown in [
        Ask::FileContainingSymbol("etcdserverpb.Nothing".to_owned()),
        Ask::FileByFilename("peer.proto".to_owned()),
    ] {
        let Answer::ErrorResponse(error) = ask(unknown).await else {
            panic!("an error")
        };
        assert_eq!(error.error_code, 5, "NOT_FOUND");
    }
}

pub(super) async fn the_older_version_answers_too(member: Member) {
    use v1alpha::{
        server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    };
    let (sender, stream) = requests();
    let mut client = ServerReflectionClient::new(member.channel());
    let answers = client.server_reflection_info(stream).await;
    let mut answers = answers.expect("a stream").into_inner();
    let request = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    sender.send(request).await.expect("it is open");
    drop(sender);
    let answer = answers.message().await.expect("no error").expect("one");
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        panic!("a list")
    };
    assert_eq!(list.service.len(), SERVICES.len());
    let end = answers.message().await.expect("no error");
    assert_eq!(end, None, "it ends with the requests");
}
