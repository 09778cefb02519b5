// The authorizers of an Api (reference sst 2.3), and the forms that SST 0.x had for them.

import { Resource, Stack } from "./stack.mjs";
import { arnIn } from "./iam.mjs";
import { toSeconds } from "./values.mjs";

/** The values of SST 0.x's ApiAuthorizationType. */
export const ApiAuthorizationType = {
	AWS_IAM: "AWS_IAM",
	CUSTOM: "CUSTOM",
	JWT: "JWT",
	NONE: "NONE",
};

/** Creates the authorizer `name` of an Api; answers {type: a route's AuthorizationType, id}. */
export function createAuthorizer(api, name, props) {
	const given = props.cdk?.authorizer;
	if (given?.authorizerId) {
		return { type: props.type === "lambda" ? "CUSTOM" : "JWT", id: given.authorizerId };
	}
	const create = { jwt: createJwt, user_pool: createUserPool, lambda: createLambda }[props.type];
	if (!create) {
		throw new Error(
			`Authorizer "${name}" of Api "${api.id}" has an unknown type "${props.type}"`,
		);
	}
	return create(api, name, props);
}

function createJwt(api, name, props) {
	const { issuer, audience } = props.jwt ?? props.cdk?.authorizer ?? {};
	if (!issuer) {
		throw new Error(`No JWT issuer defined for the "${name}" authorizer`);
	}
	if (!audience) {
		throw new Error(`No JWT audience defined for the "${name}" authorizer`);
	}
	return jwtResource(api, name, props, issuer, audience);
}

function createUserPool(api, name, props) {
	const { id, clientIds = [], region = Stack.of(api).region } = props.userPool ?? {};
	if (!id) {
		throw new Error(`No user pool defined for the "${name}" authorizer`);
	}
	const issuer = `https://cognito-idp.${region}.amazonaws.com/${id}`;
	return jwtResource(api, name, props, issuer, clientIds);
}

function jwtResource(api, name, props, issuer, audience) {
	const resource = new Resource(api, `Authorizer_${name}`, "AWS::ApiGatewayV2::Authorizer", {
		ApiId: api.httpApiId,
		AuthorizerType: "JWT",
		Name: props.name ?? name,
		IdentitySource: props.identitySource ?? ["$request.header.Authorization"],
		JwtConfiguration: { Issuer: issuer, Audience: audience },
	});
	return { type: "JWT", id: resource.ref };
}

function createLambda(api, name, props) {
	const fn = props.function;
	if (!fn?.functionArn) {
		throw new Error(`The "function" of authorizer "${name}" has to be an instance of Function`);
	}
	const simple = (props.responseTypes ?? ["iam"]).includes("simple");
	const uri =
		`arn:aws:apigateway:${Stack.of(api).region}:lambda:path/2015-03-31/functions/` +
		`${fn.functionArn}/invocations`;
	const ttl = props.resultsCacheTtl === undefined ? 0 : toSeconds(props.resultsCacheTtl);
	const resource = new Resource(api, `Authorizer_${name}`, "AWS::ApiGatewayV2::Authorizer", {
		ApiId: api.httpApiId,
		AuthorizerType: "REQUEST",
		Name: props.name ?? name,
		IdentitySource: props.identitySource ?? ["$request.header.Authorization"],
		AuthorizerUri: uri,
		AuthorizerPayloadFormatVersion: simple ? "2.0" : "1.0",
		EnableSimpleResponses: simple ? true : undefined,
		AuthorizerResultTtlInSeconds: ttl,
	});
	new Resource(api, `Permission_Authorizer_${name}`, "AWS::Lambda::Permission", {
		Action: "lambda:InvokeFunction",
		FunctionName: fn.functionArn,
		Principal: "apigateway.amazonaws.com",
		SourceArn: arnIn(api, "execute-api", `${api.httpApiId}/authorizers/${resource.ref}`),
	});
	return { type: "CUSTOM", id: resource.ref };
}

/**
 * SST 0.x gives an authorization type and a CDK authorizer object, per API and per route. They
 * become named authorizers, one per object. Answers {authorizers, defaultAuthorizer, routes}.
 */
export function legacyAuthorizers(props) {
	const names = new Map();
	const nameOf = (type, authorizer) => {
		if (type === undefined) {
			return undefined;
		}
		if (type === "NONE") {
			return "none";
		}
		if (type === "AWS_IAM") {
			return "iam";
		}
		if (!authorizer) {
			throw new Error(`Missing "authorizer" for the authorization type ${type}`);
		}
		if (!names.has(authorizer)) {
			names.set(authorizer, names.size === 0 ? "Authorizer" : `Authorizer${names.size + 1}`);
		}
		return names.get(authorizer);
	};
	const defaultAuthorizer = nameOf(props.defaultAuthorizationType, props.defaultAuthorizer);
	const routes = {};
	for (const [key, route] of Object.entries(props.routes ?? {})) {
		const type = route?.authorizationType;
		routes[key] =
			type === undefined
				? route
				: {
						...route,
						authorizer: nameOf(type, route.authorizer ?? props.defaultAuthorizer),
					};
	}
	const authorizers = {};
	for (const [authorizer, name] of names) {
		authorizers[name] = modernForm(authorizer, name);
	}
	return { authorizers, defaultAuthorizer, routes };
}

function modernForm(authorizer, name) {
	const form = authorizer.toSstAuthorizer?.();
	if (!form) {
		throw new Error(`Authorizer "${name}" is of a kind that is not emulated`);
	}
	return form;
}

/** The CDK's HttpJwtAuthorizer, in the forms (id, issuer, {jwtAudience}) and ({jwtIssuer, ...}). */
export class HttpJwtAuthorizer {
	constructor(...args) {
		const props = args.at(-1);
		this.issuer = typeof args[1] === "string" ? args[1] : props.jwtIssuer;
		this.audience = props.jwtAudience;
		this.identitySource = props.identitySource;
	}

	toSstAuthorizer() {
		const { issuer, audience, identitySource } = this;
		return { type: "jwt", jwt: { issuer, audience }, identitySource };
	}
}

/** The CDK's HttpUserPoolAuthorizer. */
export class HttpUserPoolAuthorizer {
	constructor(...args) {
		const props = args.at(-1);
		this.pool = props.userPool ?? args[1];
		this.clients = props.userPoolClients ?? [props.userPoolClient].filter(Boolean);
		this.region = props.userPoolRegion;
	}

	toSstAuthorizer() {
		const clientIds = this.clients.map((client) => client.userPoolClientId);
		const { userPoolId: id } = this.pool;
		return { type: "user_pool", userPool: { id, clientIds, region: this.region } };
	}
}

/** The CDK's HttpLambdaAuthorizer. */
export class HttpLambdaAuthorizer {
	constructor(...args) {
		const props = args.at(-1);
		const handler = args.find((arg) => arg?.functionArn) ?? props.handler;
		this.form = {
			type: "lambda",
			function: handler,
			responseTypes: props.responseTypes?.map((type) => String(type).toLowerCase()),
			identitySource: props.identitySource,
			resultsCacheTtl: props.resultsCacheTtl,
		};
	}

	toSstAuthorizer() {
		return this.form;
	}
}
