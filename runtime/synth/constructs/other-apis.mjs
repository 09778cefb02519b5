// WebSocketApi and ApiGatewayV1Api (reference sst 2.8).

import { Construct } from "./construct.mjs";
import { Resource, SstConstruct, Stack } from "./stack.mjs";
import { BINDING } from "./binding.mjs";
import { routeKey } from "./api.mjs";
import { Function } from "./function.mjs";
import { allow, arnIn, STATEMENTS } from "./iam.mjs";
import { toSeconds } from "./values.mjs";

const invocationUri = (api, fn) =>
	`arn:aws:apigateway:${Stack.of(api).region}:lambda:path/2015-03-31/functions/` +
	`${fn.functionArn}/invocations`;

/** What both have: functions by route key. */
class RoutedApi extends SstConstruct {
	functions = new Map();

	constructor(scope, id, props = {}) {
		super(scope, id);
		this.props = props;
		this.apiName = Stack.of(this).app.logicalPrefixedName(id);
		this.stageName = Stack.of(this).app.stage;
	}

	get routes() {
		return [...this.functions.keys()];
	}

	getFunction(key) {
		return this.functions.get(key) ?? this.functions.get(routeKey(key));
	}

	bind(constructs) {
		this.functions.forEach((fn) => fn.bind(constructs));
	}

	bindToRoute(key, constructs) {
		this.getFunction(key).bind(constructs);
	}

	attachPermissions(permissions) {
		this.functions.forEach((fn) => fn.attachPermissions(permissions));
	}

	attachPermissionsToRoute(key, permissions) {
		this.getFunction(key).attachPermissions(permissions);
	}

	functionFor(key, definition, inherited = this.props.defaults?.function) {
		if (this.functions.has(key)) {
			throw new Error(`A route already exists for "${key}"`);
		}
		const id = `Lambda_${key.replace(" ", "_")}`;
		const fn = Function.fromDefinition(this, id, definition?.function ?? definition, inherited);
		this.functions.set(key, fn);
		return fn;
	}

	permit(name, fn, source) {
		new Resource(this, `Permission_${name}`, "AWS::Lambda::Permission", {
			Action: "lambda:InvokeFunction",
			FunctionName: fn.functionArn,
			Principal: "apigateway.amazonaws.com",
			SourceArn: arnIn(this, "execute-api", source),
		});
	}
}

/** A WebSocket API. */
export class WebSocketApi extends RoutedApi {
	constructor(scope, id, props = {}) {
		super(scope, id, props);
		this.resource = new Resource(
			new Construct(this, "Api"),
			"Resource",
			"AWS::ApiGatewayV2::Api",
			{
				Name: this.apiName,
				ProtocolType: "WEBSOCKET",
				RouteSelectionExpression: "$request.body.action",
			},
			{ metadata: { offstage: { id } } },
		);
		this.webSocketApiId = this.resource.ref;
		new Resource(this, "Stage", "AWS::ApiGatewayV2::Stage", {
			ApiId: this.webSocketApiId,
			StageName: this.stageName,
			AutoDeploy: true,
		});
		this.cdk = { webSocketApi: { apiId: this.webSocketApiId, apiEndpoint: this.url } };
		this.addRoutes(this, props.routes ?? {});
	}

	get url() {
		return `${this.resource.getAtt("ApiEndpoint")}/${this.stageName}`;
	}

	get webSocketApiArn() {
		return arnIn(this, "apigateway", `:/apis/${this.webSocketApiId}`);
	}

	get _connectionsArn() {
		return arnIn(this, "execute-api", `${this.webSocketApiId}/*/*/@connections/*`);
	}

	addRoutes(_scope, routes) {
		for (const [rawKey, route] of Object.entries(routes)) {
			const key = rawKey.trim();
			const fn = this.functionFor(key, route);
			fn.attachPermissions([
				allow(["execute-api:ManageConnections"], [this._connectionsArn]),
			]);
			const integration = new Resource(
				this,
				`Integration_${key}`,
				"AWS::ApiGatewayV2::Integration",
				{
					ApiId: this.webSocketApiId,
					IntegrationType: "AWS_PROXY",
					IntegrationUri: invocationUri(this, fn),
				},
			);
			new Resource(this, `Route_${key}`, "AWS::ApiGatewayV2::Route", {
				ApiId: this.webSocketApiId,
				RouteKey: key,
				...this.#authorization(key),
				Target: `integrations/${integration.ref}`,
			});
			this.permit(key, fn, `${this.webSocketApiId}/*/*${key}`);
		}
	}

	[STATEMENTS]() {
		return [
			allow(["execute-api:Invoke"], [arnIn(this, "execute-api", `${this.webSocketApiId}/*`)]),
			allow(["execute-api:ManageConnections"], [this._connectionsArn]),
		];
	}

	[BINDING]() {
		return { type: "WebSocketApi", properties: { url: this.url } };
	}

	// Only $connect can be authorized.
	#authorization(key) {
		const { authorizer = "none" } = this.props;
		if (key !== "$connect" || authorizer === "none") {
			return { AuthorizationType: "NONE" };
		}
		if (authorizer === "iam") {
			return { AuthorizationType: "AWS_IAM" };
		}
		const resource = new Resource(this, "Authorizer", "AWS::ApiGatewayV2::Authorizer", {
			ApiId: this.webSocketApiId,
			AuthorizerType: "REQUEST",
			Name: authorizer.name ?? "Authorizer",
			AuthorizerUri: invocationUri(this, authorizer.function),
			IdentitySource: authorizer.identitySource ?? ["route.request.header.Authorization"],
		});
		this.permit(
			"Authorizer",
			authorizer.function,
			`${this.webSocketApiId}/authorizers/${resource.ref}`,
		);
		return { AuthorizationType: "CUSTOM", AuthorizerId: resource.ref };
	}
}

/** A REST API. */
export class ApiGatewayV1Api extends RoutedApi {
	#paths = new Map();
	#authorizers = new Map();

	constructor(scope, id, props = {}) {
		super(scope, id, props);
		this.resource = new Resource(
			new Construct(this, "Api"),
			"Resource",
			"AWS::ApiGateway::RestApi",
			{ Name: this.apiName },
			{ metadata: { offstage: { id } } },
		);
		this.restApiId = this.resource.ref;
		this.restApiArn = `arn:aws:apigateway:${Stack.of(this).region}::/restapis/${this.restApiId}`;
		const deployment = new Resource(this, "Deployment", "AWS::ApiGateway::Deployment", {
			RestApiId: this.restApiId,
		});
		new Resource(this, "Stage", "AWS::ApiGateway::Stage", {
			RestApiId: this.restApiId,
			DeploymentId: deployment.ref,
			StageName: this.stageName,
		});
		this.deployment = deployment;
		this.cdk = { restApi: { restApiId: this.restApiId, url: this.url } };
		this.addRoutes(this, props.routes ?? {});
	}

	get url() {
		const { region } = Stack.of(this);
		return `https://${this.restApiId}.execute-api.${region}.amazonaws.com/${this.stageName}/`;
	}

	addRoutes(_scope, routes) {
		for (const [rawKey, route] of Object.entries(routes)) {
			const key = routeKey(rawKey);
			const [method, path] = key === "$default" ? ["ANY", "/{proxy+}"] : key.split(" ");
			const fn = this.functionFor(key, route);
			const postfix = key.replace(" ", "_");
			const resource = new Resource(this, `Method_${postfix}`, "AWS::ApiGateway::Method", {
				RestApiId: this.restApiId,
				ResourceId: this.#resourceId(path),
				HttpMethod: method,
				...this.#authorization(route),
				Integration: {
					Type: "AWS_PROXY",
					IntegrationHttpMethod: "POST",
					Uri: invocationUri(this, fn),
				},
			});
			this.deployment.addDependency(resource);
			this.permit(postfix, fn, `${this.restApiId}/*/*${path}`);
		}
	}

	[STATEMENTS]() {
		return [allow(["execute-api:Invoke"], [arnIn(this, "execute-api", `${this.restApiId}/*`)])];
	}

	[BINDING]() {
		return { type: "ApiGatewayV1Api", properties: { url: this.url } };
	}

	#resourceId(path) {
		if (path === "/" || path === "") {
			return this.resource.getAtt("RootResourceId");
		}
		if (!this.#paths.has(path)) {
			const slash = path.lastIndexOf("/");
			const resource = new Resource(this, `Path_${path}`, "AWS::ApiGateway::Resource", {
				RestApiId: this.restApiId,
				ParentId: this.#resourceId(path.slice(0, slash)),
				PathPart: path.slice(slash + 1),
			});
			this.#paths.set(path, resource.ref);
		}
		return this.#paths.get(path);
	}

	#authorization(route) {
		const name = route?.authorizer ?? this.props.defaults?.authorizer ?? "none";
		if (name === "none" || name === "iam") {
			return { AuthorizationType: name === "iam" ? "AWS_IAM" : "NONE" };
		}
		const props = this.props.authorizers?.[name];
		if (!props) {
			throw new Error(`Cannot find authorizer "${name}"`);
		}
		if (!this.#authorizers.has(name)) {
			this.#authorizers.set(name, this.#createAuthorizer(name, props));
		}
		const pools = props.type === "user_pools";
		const scopes = route?.authorizationScopes ?? this.props.defaults?.authorizationScopes;
		return {
			AuthorizationType: pools ? "COGNITO_USER_POOLS" : "CUSTOM",
			AuthorizerId: this.#authorizers.get(name),
			AuthorizationScopes: pools ? scopes : undefined,
		};
	}

	#createAuthorizer(name, props) {
		const types = {
			user_pools: "COGNITO_USER_POOLS",
			lambda_token: "TOKEN",
			lambda_request: "REQUEST",
		};
		const header = "method.request.header.Authorization";
		const sources = props.identitySources?.join(",");
		return new Resource(this, `Authorizer_${name}`, "AWS::ApiGateway::Authorizer", {
			RestApiId: this.restApiId,
			Name: props.name ?? name,
			Type: types[props.type],
			AuthorizerUri: props.function && invocationUri(this, props.function),
			IdentitySource: props.identitySource ?? sources ?? header,
			IdentityValidationExpression: props.validationRegex,
			ProviderARNs: props.userPoolIds?.map((pool) =>
				arnIn(this, "cognito-idp", `userpool/${pool}`),
			),
			AuthorizerResultTtlInSeconds: props.resultsCacheTtl && toSeconds(props.resultsCacheTtl),
		}).ref;
	}
}
