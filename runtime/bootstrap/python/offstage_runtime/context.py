"""The context object that a handler receives (lambda.md 2.8)."""

import logging
import os
import sys
import time

FROM_ENVIRONMENT = {
    "log_group_name": "AWS_LAMBDA_LOG_GROUP_NAME",
    "log_stream_name": "AWS_LAMBDA_LOG_STREAM_NAME",
    "function_name": "AWS_LAMBDA_FUNCTION_NAME",
    "memory_limit_in_mb": "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "function_version": "AWS_LAMBDA_FUNCTION_VERSION",
}


class Fields:
    """An object with fixed fields, each None unless given."""

    __slots__ = ()

    def __init__(self, values):
        for name in self.__slots__:
            setattr(self, name, values.get(name))

    def __repr__(self):
        fields = ",".join("%s=%s" % (name, getattr(self, name)) for name in self.__slots__)
        return "%s([%s])" % (type(self).__name__, fields)


class CognitoIdentity(Fields):
    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")


class Client(Fields):
    __slots__ = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")


class ClientContext(Fields):
    __slots__ = ("custom", "env", "client")


def make_client_context(values):
    if values is None:
        return None
    context = ClientContext(values)
    if context.client is not None:
        context.client = Client(context.client)
    return context


def make_identity(values):
    values = values or {}
    return CognitoIdentity(
        {
            "cognito_identity_id": values.get("cognitoIdentityId"),
            "cognito_identity_pool_id": values.get("cognitoIdentityPoolId"),
        }
    )


class LambdaContext:
    def __init__(self, event, client_context, identity):
        self.aws_request_id = event.id
        for name, variable in FROM_ENVIRONMENT.items():
            setattr(self, name, os.environ.get(variable))
        self.invoked_function_arn = event.headers.get("lambda-runtime-invoked-function-arn")
        self.tenant_id = event.headers.get("lambda-runtime-aws-tenant-id")
        self.client_context = make_client_context(client_context)
        self.identity = make_identity(identity)
        self._deadline_ms = event.deadline_ms

    def get_remaining_time_in_millis(self):
        return max(self._deadline_ms - int(time.time() * 1000), 0)

    def log(self, message):
        for handler in logging.getLogger().handlers:
            if hasattr(handler, "log_sink"):
                handler.log_sink.log(str(message))
                return
        sys.stdout.write(str(message))

    def __repr__(self):
        fields = ",".join("%s=%s" % field for field in vars(self).items() if not field[0].startswith("_"))
        return "LambdaContext([%s])" % fields
