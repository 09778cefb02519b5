// Api: an HTTP API with routes, authorizers, CORS and access log (reference sst 2), in the forms of
// SST 0.x (defaultAuthorizationType ...), 1.x and 2.x.

import { Construct } from "./construct.mjs";
import { SstConstruct, Resource, Stack } from "./stack.mjs";
import { BINDING } from "./binding.mjs";
import { Function } from "./function.mjs";
import { allow, arnIn, STATEMENTS } from "./iam.mjs";
import { createAuthorizer, legacyAuthorizers } from "./authorizers.mjs";
import { warn, withInertMembers } from "./inert.mjs";
import { toSeconds } from "./values.mjs";

const METHODS = ["ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

const LOG_FIELDS = {
	requestTime: '"$context.requestTime"',
	requestId: '"$context.requestId"',
	httpMethod: '"$context.httpMethod"',
	path: '"$context.path"',
	routeKey: '"$context.routeKey"',
	status: "$context.status",
	responseLatency: "$context.responseLatency",
	integrationRequestId: '"$context.integration.requestId"',
	integrationStatus: '"$context.integration.status"',
	integrationLatency: '"$context.integration.latency"',
	integrationServiceStatus: '"$context.integration.integrationStatus"',
	ip: '"$context.identity.sourceIp"',
	userAgent: '"$context.identity.userAgent"',
	cognitoIdentityId: '"$context.identity.cognitoIdentityId"',
};

/** The access log's default line: one JSON object. */
export const LOG_FORMAT = `{${Object.entries(LOG_FIELDS)
	.map(([key, value]) => `"${key}":${value}`)
	.join(",")}}`;

/** An HTTP API. */
export class Api extends SstConstruct {
	#routes = new Map();
	#authorizers = new Map();

	constructor(scope, id, props = {}) {
		super(scope, id);
		this.props = modernProps(props);
		const imported = this.props.cdk?.httpApi?.apiId;
		this.resource = imported ? undefined : this.#createApi();
		this.httpApiId = imported ?? this.resource.ref;
		this.httpApiArn = `arn:aws:apigateway:${Stack.of(this).region}::/apis/${this.httpApiId}`;
		if (imported) {
			this.#checkImported();
		} else {
			this.#createStage();
		}
		if (this.props.customDomain) {
			warn(`The custom domain of Api "${id}" is not emulated: the API answers on localhost`);
		}
		this.#checkAuthorizers();
		this.addRoutes(this, this.props.routes ?? {});
	}

	get url() {
		return this.resource?.getAtt("ApiEndpoint") ?? this.props.cdk.httpApi.apiEndpoint;
	}

	get customDomainUrl() {
		return this.props.customDomain ? this.url : undefined;
	}

	get routes() {
		return [...this.#routes.keys()];
	}

	get cdk() {
		const httpApi = this.httpApi;
		return { httpApi, accessLogGroup: this.accessLogGroup };
	}

	/** The CDK's HttpApi; also the name of SST 0.x. */
	get httpApi() {
		const { httpApiId: apiId, url } = this;
		const members = { apiId, httpApiId: apiId, apiEndpoint: url, url, node: this.node };
		return withInertMembers("Api.cdk.httpApi", members);
	}

	addRoutes(scope, routes) {
		for (const [key, value] of Object.entries(routes)) {
			this.#addRoute(scope, key, value);
		}
	}

	getFunction(key) {
		return this.#routes.get(routeKey(key))?.function;
	}

	setCors(cors) {
		this.resource.properties.CorsConfiguration = corsConfiguration(cors);
	}

	bind(constructs) {
		this.#eachFunction((fn) => fn.bind(constructs));
	}

	bindToRoute(key, constructs) {
		this.#functionOf(key).bind(constructs);
	}

	attachPermissions(permissions) {
		this.#eachFunction((fn) => fn.attachPermissions(permissions));
	}

	attachPermissionsToRoute(key, permissions) {
		this.#functionOf(key).attachPermissions(permissions);
	}

	[STATEMENTS]() {
		return [allow(["execute-api:Invoke"], [arnIn(this, "execute-api", `${this.httpApiId}/*`)])];
	}

	[BINDING]() {
		return { type: "Api", properties: { url: this.url } };
	}

	#createApi() {
		const given = this.props.cdk?.httpApi ?? {};
		const name = given.apiName ?? Stack.of(this).app.logicalPrefixedName(this.id);
		const api = new Construct(this, "Api");
		const properties = {
			Name: name,
			Description: given.description,
			ProtocolType: "HTTP",
			CorsConfiguration: corsConfiguration(this.props.cors),
			DisableExecuteApiEndpoint: given.disableExecuteApiEndpoint,
		};
		const metadata = { offstage: { id: this.id } };
		return new Resource(api, "Resource", "AWS::ApiGatewayV2::Api", properties, { metadata });
	}

	#createStage() {
		const { burst, rate } = this.props.defaults?.throttle ?? {};
		const throttle = { ThrottlingBurstLimit: burst, ThrottlingRateLimit: rate };
		new Resource(this, "DefaultStage", "AWS::ApiGatewayV2::Stage", {
			ApiId: this.httpApiId,
			StageName: "$default",
			AutoDeploy: true,
			AccessLogSettings: this.#accessLog(),
			// SST applies the limits only when both are given.
			DefaultRouteSettings: burst && rate ? throttle : undefined,
		});
	}

	#accessLog() {
		const { accessLog = true } = this.props;
		if (accessLog === false) {
			return undefined;
		}
		const format = typeof accessLog === "string" ? accessLog : accessLog.format;
		const name = Stack.of(this).app.logicalPrefixedName(this.id);
		if (accessLog.destinationArn) {
			return { DestinationArn: accessLog.destinationArn, Format: format ?? LOG_FORMAT };
		}
		this.accessLogGroup = new Resource(this, "LogGroup", "AWS::Logs::LogGroup", {
			LogGroupName: `/aws/vendedlogs/apis/${name}-${this.httpApiId}/default`,
		});
		this.accessLogGroup.deletionPolicy = "Retain";
		return { DestinationArn: this.accessLogGroup.getAtt("Arn"), Format: format ?? LOG_FORMAT };
	}

	#checkImported() {
		for (const name of ["cors", "accessLog", "customDomain"]) {
			if (this.props[name] !== undefined) {
				throw new Error(`Cannot configure the "${name}" when the "httpApi" is imported`);
			}
		}
		if (this.props.cdk.httpStages !== undefined) {
			throw new Error('Cannot configure the "stages" when the "httpApi" is imported');
		}
	}

	#checkAuthorizers() {
		for (const key of Object.keys(this.props.authorizers ?? {})) {
			if (key === "none" || key === "iam") {
				throw new Error(`Cannot name an authorizer "${key}"`);
			}
		}
	}

	#addRoute(scope, rawKey, value) {
		const key = routeKey(rawKey);
		if (this.#routes.has(key)) {
			throw new Error(`A route already exists for "${key}"`);
		}
		checkRouteKey(key, this.id);
		const route = routeProps(key, value);
		const postfix = key.replace(" ", "_");
		const target = this.#integrate(scope, key, postfix, route);
		this.#routes.set(key, { ...route, function: target.function });
		new Resource(scope, `Route_${postfix}`, "AWS::ApiGatewayV2::Route", {
			ApiId: this.httpApiId,
			RouteKey: key,
			...this.#authorization(route),
			Target: `integrations/${target.integration.ref}`,
		});
		if (target.function) {
			this.#permit(scope, postfix, key, target.function);
		}
	}

	#integrate(scope, key, postfix, route) {
		const { type = "function" } = route;
		if (type === "url") {
			return { integration: this.#urlIntegration(scope, postfix, key, route) };
		}
		if (!["function", "graphql", "pothos"].includes(type)) {
			warn(
				`Route "${key}" of Api "${this.id}": type "${type}" is not emulated, it will answer 500`,
			);
			const url = "http://not-emulated.invalid";
			return { integration: this.#urlIntegration(scope, postfix, key, { url }) };
		}
		const fn = Function.fromDefinition(
			scope,
			`Lambda_${postfix}`,
			route.cdk?.function ?? route.function,
			this.props.defaults?.function,
			'The "defaults.function" cannot be applied if an instance of a Function construct is passed ' +
				"in. Make sure to define all the routes using FunctionProps, so the Api construct can " +
				'apply the "defaults.function" to them.',
		);
		const integration = new Resource(
			scope,
			`Integration_${postfix}`,
			"AWS::ApiGatewayV2::Integration",
			{
				ApiId: this.httpApiId,
				IntegrationType: "AWS_PROXY",
				IntegrationUri: fn.functionArn,
				PayloadFormatVersion: this.#payloadVersion(key, route),
			},
		);
		return { integration, function: fn };
	}

	#urlIntegration(scope, postfix, key, { url }) {
		if (!url) {
			throw new Error(`Route "${key}" of Api "${this.id}" has the type "url" but no url`);
		}
		return new Resource(scope, `Integration_${postfix}`, "AWS::ApiGatewayV2::Integration", {
			ApiId: this.httpApiId,
			IntegrationType: "HTTP_PROXY",
			IntegrationUri: url,
			IntegrationMethod: "ANY",
			PayloadFormatVersion: "1.0",
		});
	}

	#payloadVersion(key, route) {
		const version =
			route.payloadFormatVersion ?? this.props.defaults?.payloadFormatVersion ?? "2.0";
		if (version !== "1.0" && version !== "2.0") {
			throw new Error(
				`PayloadFormatVersion: sst.Api does not currently support ${version} payload ` +
					`format version. Only "1.0" and "2.0" are supported (route "${key}").`,
			);
		}
		return version;
	}

	#authorization(route) {
		const name = route.authorizer ?? this.props.defaults?.authorizer ?? "none";
		if (name === "none") {
			return { AuthorizationType: "NONE" };
		}
		if (name === "iam") {
			return { AuthorizationType: "AWS_IAM" };
		}
		const authorizer = this.#authorizer(name);
		const scopes = route.authorizationScopes ?? this.props.defaults?.authorizationScopes;
		return {
			AuthorizationType: authorizer.type,
			AuthorizerId: authorizer.id,
			AuthorizationScopes: authorizer.type === "JWT" ? scopes : undefined,
		};
	}

	#authorizer(name) {
		if (!this.#authorizers.has(name)) {
			const props = this.props.authorizers?.[name];
			if (!props) {
				throw new Error(`Cannot find authorizer "${name}"`);
			}
			this.#authorizers.set(name, createAuthorizer(this, name, props));
		}
		return this.#authorizers.get(name);
	}

	#permit(scope, postfix, key, fn) {
		const path = key === "$default" ? "" : key.slice(key.indexOf(" ") + 1);
		new Resource(scope, `Permission_${postfix}`, "AWS::Lambda::Permission", {
			Action: "lambda:InvokeFunction",
			FunctionName: fn.functionArn,
			Principal: "apigateway.amazonaws.com",
			SourceArn: arnIn(this, "execute-api", `${this.httpApiId}/*/*${path}`),
		});
	}

	#eachFunction(action) {
		const functions = [...this.#routes.values()].map((route) => route.function);
		for (const fn of new Set(functions.filter(Boolean))) {
			action(fn);
		}
	}

	#functionOf(key) {
		const fn = this.getFunction(key);
		if (!fn) {
			throw new Error(`Failed to find the "${key}" route of Api "${this.id}"`);
		}
		return fn;
	}
}

/** An Api with one GraphQL server on GET and POST (deprecated since 1.18, reference sst 5). */
export class GraphQLApi extends Api {
	constructor(scope, id, { server, rootPath = "/", ...props }) {
		super(scope, id, {
			...props,
			routes: { [`GET ${rootPath}`]: server, [`POST ${rootPath}`]: server },
		});
	}

	get serverFunction() {
		return this.getFunction(this.routes[0]);
	}
}

/** A route key in its normal form: one blank, upper-case method. */
export function routeKey(key) {
	const words = key.trim().split(/\s+/);
	return words.length === 2 ? `${words[0].toUpperCase()} ${words[1]}` : words.join(" ");
}

function checkRouteKey(key, id) {
	if (key === "$default") {
		return;
	}
	const [method, path, ...rest] = key.split(" ");
	if (rest.length > 0 || path === undefined) {
		throw new Error(
			`Invalid route "${key}" in Api "${id}": write "METHOD /path" or "$default"`,
		);
	}
	if (!METHODS.includes(method)) {
		throw new Error(
			`Invalid method in route "${key}" of Api "${id}": use ${METHODS.join(", ")}`,
		);
	}
	if (!path.startsWith("/")) {
		throw new Error(`Invalid path in route "${key}" of Api "${id}": it has to start with "/"`);
	}
}

function routeProps(key, value) {
	if (value === undefined || value === null) {
		throw new Error(`Route "${key}" has no handler`);
	}
	if (typeof value === "string" || value instanceof Function) {
		return { function: value };
	}
	if (value.handler !== undefined) {
		throw new Error(
			`Function definition must be nested under the "function" key in the route props for ` +
				`"${key}". ie. { function: { handler: "src/lambda.main", timeout: 10 } }`,
		);
	}
	return modernRoute(value);
}

/** CorsConfiguration of SST's `cors` (reference sst 2.4). */
export function corsConfiguration(cors = true) {
	if (cors === false) {
		return undefined;
	}
	const given = cors === true ? {} : cors;
	const methods = given.allowMethods ?? ["*"];
	return {
		AllowCredentials: given.allowCredentials ?? false,
		AllowHeaders: given.allowHeaders ?? ["*"],
		AllowMethods: methods.map((method) => (method === "ANY" ? "*" : method)),
		AllowOrigins: given.allowOrigins ?? ["*"],
		ExposeHeaders: given.exposeHeaders,
		MaxAge: given.maxAge === undefined ? undefined : toSeconds(given.maxAge),
	};
}

// SST 0.x names its defaults one by one; they become those of 1.x.
function modernProps(props) {
	const legacy = legacyAuthorizers(props);
	const defaults = {
		authorizer: legacy.defaultAuthorizer,
		authorizationScopes: props.defaultAuthorizationScopes,
		function: props.defaultFunctionProps,
		payloadFormatVersion: props.defaultPayloadFormatVersion,
		throttle: props.defaultThrottlingBurstLimit && {
			burst: props.defaultThrottlingBurstLimit,
			rate: props.defaultThrottlingRateLimit,
		},
		...props.defaults,
	};
	return {
		...props,
		defaults,
		routes: legacy.routes,
		authorizers: { ...legacy.authorizers, ...props.authorizers },
		cdk: props.httpApi ? { httpApi: props.httpApi, ...props.cdk } : props.cdk,
	};
}

function modernRoute({ authorizationType, ...route }) {
	return route;
}
