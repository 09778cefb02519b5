// Cognito and Auth (reference sst 0.2, 3): a user pool, an identity pool with its federation, and the
// two roles. `Auth` was this construct until 1.9 and SST's own login afterwards; it accepts both.

import { Construct } from "./construct.mjs";
import { SstConstruct, Resource, Stack } from "./stack.mjs";
import { BINDING } from "./binding.mjs";
import { Function } from "./function.mjs";
import { allow, attachPermissions, InlinePolicy, Principal, Role } from "./iam.mjs";
import { warn, withInertMembers } from "./inert.mjs";
import { pascalKeys } from "./values.mjs";
import {
	authFlows,
	loginAttributes,
	need,
	passwordPolicy,
	socialProviders,
} from "./cognito-settings.mjs";

const LEGACY = ["auth0", "amazon", "apple", "facebook", "google", "twitter"];

const TRIGGERS = {
	createAuthChallenge: "CreateAuthChallenge",
	customEmailSender: "CustomEmailSender",
	customMessage: "CustomMessage",
	customSmsSender: "CustomSMSSender",
	defineAuthChallenge: "DefineAuthChallenge",
	postAuthentication: "PostAuthentication",
	postConfirmation: "PostConfirmation",
	preAuthentication: "PreAuthentication",
	preSignUp: "PreSignUp",
	preTokenGeneration: "PreTokenGeneration",
	userMigration: "UserMigration",
	verifyAuthChallengeResponse: "VerifyAuthChallengeResponse",
};

/** A user pool and an identity pool. */
export class Cognito extends SstConstruct {
	#triggers = new Map();
	#foreignPolicies = new Map();

	constructor(scope, id, props = {}) {
		super(scope, id);
		this.props = modernProps(props);
		this.cdk = {};
		if (this.props.userPool) {
			this.#createUserPool();
			this.#createClient();
			this.#addTriggers();
		}
		if (this.props.identityPoolFederation !== false) {
			this.#createIdentityPool(this.props.identityPoolFederation);
		}
	}

	get userPoolId() {
		return this.cdk.userPool?.userPoolId;
	}

	get userPoolArn() {
		return this.cdk.userPool?.userPoolArn;
	}

	get userPoolClientId() {
		return this.cdk.userPoolClient?.userPoolClientId;
	}

	get cognitoIdentityPoolId() {
		return this.cdk.cfnIdentityPool?.ref;
	}

	// The names of SST 0.x; the tutorial's stack file reads the first.
	get cognitoCfnIdentityPool() {
		return this.cdk.cfnIdentityPool;
	}

	get cognitoUserPool() {
		return this.cdk.userPool;
	}

	get cognitoUserPoolClient() {
		return this.cdk.userPoolClient;
	}

	get iamAuthRole() {
		return this.cdk.authRole;
	}

	get iamUnauthRole() {
		return this.cdk.unauthRole;
	}

	/** (permissions) of every version, and (scope, permissions) of 1.3 and later. */
	attachPermissionsForAuthUsers(...args) {
		this.#attach(this.cdk.authRole, "Auth", args);
	}

	attachPermissionsForUnauthUsers(...args) {
		this.#attach(this.cdk.unauthRole, "Unauth", args);
	}

	attachPermissionsForTriggers(permissions) {
		for (const fn of this.#triggers.values()) {
			fn.attachPermissions(permissions);
		}
	}

	attachPermissionsForTrigger(trigger, permissions) {
		this.#trigger(trigger).attachPermissions(permissions);
	}

	bindForTriggers(constructs) {
		for (const fn of this.#triggers.values()) {
			fn.bind(constructs);
		}
	}

	bindForTrigger(trigger, constructs) {
		this.#trigger(trigger).bind(constructs);
	}

	getFunction(trigger) {
		return this.#triggers.get(trigger);
	}

	#trigger(trigger) {
		const fn = this.#triggers.get(trigger);
		if (!fn) {
			throw new Error(`The "${trigger}" trigger of "${this.id}" does not exist`);
		}
		return fn;
	}

	#attach(role, kind, args) {
		if (!role) {
			throw new Error(`"${this.id}" has no identity pool to attach permissions to`);
		}
		const [permissions, scope = this] = [...args].reverse();
		// Another stack's permissions are a policy there: this stack cannot import from a later one.
		const target =
			Stack.of(scope) === Stack.of(this) ? role : this.#policyIn(Stack.of(scope), kind, role);
		attachPermissions(target, permissions);
	}

	#policyIn(stack, kind, role) {
		const place = `${stack.node.id}/${kind}`;
		if (!this.#foreignPolicies.has(place)) {
			const id = `${this.id}${kind}UsersPolicy`;
			this.#foreignPolicies.set(place, new InlinePolicy(stack, id, role));
		}
		return this.#foreignPolicies.get(place);
	}

	#createUserPool() {
		const given = this.props.cdk?.userPool ?? {};
		if (given.userPoolId) {
			this.cdk.userPool = given;
			return;
		}
		if (given.lambdaTriggers) {
			throw new Error(
				'Cannot configure the "cdk.userPool.lambdaTriggers". Use "triggers" instead.',
			);
		}
		const pool = new Construct(this, "UserPool");
		const resource = new Resource(pool, "Resource", "AWS::Cognito::UserPool", {
			UserPoolName: given.userPoolName ?? Stack.of(this).app.logicalPrefixedName(this.id),
			AdminCreateUserConfig: { AllowAdminCreateUserOnly: given.selfSignUpEnabled === false },
			UsernameConfiguration: { CaseSensitive: given.signInCaseSensitive ?? false },
			...loginAttributes(this.props.login),
			Policies: passwordPolicy(given.passwordPolicy),
			LambdaConfig: undefined,
		});
		resource.deletionPolicy = "Retain";
		this.userPoolResource = resource;
		pool.userPoolId = resource.ref;
		pool.userPoolArn = resource.getAtt("Arn");
		pool.userPoolProviderName = resource.getAtt("ProviderName");
		pool.userPoolProviderUrl = resource.getAtt("ProviderURL");
		pool.addDomain = (id, options) => addDomain(pool, id, options);
		this.cdk.userPool = withInertMembers("Cognito.cdk.userPool", pool);
	}

	#createClient() {
		const given = this.props.cdk?.userPoolClient ?? {};
		if (given.userPoolClientId) {
			this.cdk.userPoolClient = given;
			return;
		}
		const client = new Construct(this, "UserPoolClient");
		const oAuth = given.oAuth ?? {};
		const resource = new Resource(client, "Resource", "AWS::Cognito::UserPoolClient", {
			UserPoolId: this.userPoolId,
			AllowedOAuthFlowsUserPoolClient: true,
			AllowedOAuthFlows: ["implicit", "code"],
			AllowedOAuthScopes: [
				"profile",
				"phone",
				"email",
				"openid",
				"aws.cognito.signin.user.admin",
			],
			CallbackURLs: oAuth.callbackUrls ?? ["https://example.com"],
			LogoutURLs: oAuth.logoutUrls,
			ExplicitAuthFlows: authFlows(given.authFlows),
			SupportedIdentityProviders: ["COGNITO"],
		});
		client.userPoolClientId = resource.ref;
		this.cdk.userPoolClient = withInertMembers("Cognito.cdk.userPoolClient", client);
	}

	#addTriggers() {
		const config = {};
		for (const [trigger, definition] of Object.entries(this.props.triggers ?? {})) {
			const name = TRIGGERS[trigger];
			if (!name) {
				throw new Error(`"${trigger}" is not a trigger of a user pool ("${this.id}")`);
			}
			const inherited = this.props.defaults?.function;
			const fn = Function.fromDefinition(this, trigger, definition, inherited);
			this.#triggers.set(trigger, fn);
			config[name] = fn.functionArn;
			fn.addPermission(`${name}Cognito`, {
				principal: "cognito-idp.amazonaws.com",
				sourceArn: this.userPoolArn,
			});
		}
		if (this.#triggers.size > 0 && this.userPoolResource) {
			this.userPoolResource.properties.LambdaConfig = config;
		}
	}

	#createIdentityPool(federation) {
		const given = federation === true || federation === undefined ? {} : federation;
		const overrides = given.cdk?.cfnIdentityPool ?? {};
		const userPools = this.cdk.userPool
			? [
					{
						ProviderName: this.cdk.userPool.userPoolProviderName,
						ClientId: this.userPoolClientId,
					},
				]
			: [];
		this.cdk.cfnIdentityPool = new Resource(
			this,
			"IdentityPool",
			"AWS::Cognito::IdentityPool",
			{
				IdentityPoolName: Stack.of(this).app.logicalPrefixedName(this.id),
				AllowUnauthenticatedIdentities: true,
				CognitoIdentityProviders: userPools,
				SupportedLoginProviders: socialProviders(given),
				OpenIdConnectProviderARNs: given.auth0 ? [this.#createAuth0(given.auth0)] : [],
				...pascalKeys(overrides),
			},
		);
		this.#createRoles();
	}

	#createAuth0({ domain, clientId }) {
		need(domain, "Auth0Domain", "No Auth0 domain defined for");
		need(clientId, "Auth0ClientId", "No Auth0 clientId defined for");
		const url = /^https?:\/\//.test(domain) ? domain : `https://${domain}`;
		const provider = new Construct(this, "Auth0Provider");
		const type = "Custom::AWSCDKOpenIdConnectProvider";
		return new Resource(provider, "Resource", type, {
			Url: url.replace(/\/+$/, ""),
			ClientIDList: [clientId],
		}).ref;
	}

	#createRoles() {
		const pool = this.cdk.cfnIdentityPool.ref;
		this.cdk.authRole = identityRole(this, "IdentityPoolAuthRole", pool, "authenticated");
		this.cdk.authRole.addToPolicy(
			allow(["mobileanalytics:PutEvents", "cognito-sync:*", "cognito-identity:*"], ["*"]),
		);
		this.cdk.unauthRole = identityRole(this, "IdentityPoolUnauthRole", pool, "unauthenticated");
		this.cdk.unauthRole.addToPolicy(
			allow(["mobileanalytics:PutEvents", "cognito-sync:*"], ["*"]),
		);
		const type = "AWS::Cognito::IdentityPoolRoleAttachment";
		this.cdk.cfnIdentityPoolRoleAttachment = new Resource(
			this,
			"IdentityPoolRoleAttachment",
			type,
			{
				IdentityPoolId: pool,
				Roles: {
					authenticated: this.cdk.authRole.roleArn,
					unauthenticated: this.cdk.unauthRole.roleArn,
				},
			},
		);
	}
}

/** Cognito's former name, or SST's own login when an `authenticator` is given. */
export class Auth extends Cognito {
	constructor(scope, id, props = {}) {
		const own = props.authenticator !== undefined;
		super(scope, id, own ? { cognito: false, identityPoolFederation: false } : props);
		this.authenticator = props.authenticator;
		if (own) {
			warn(`Auth "${id}": sessions of SST's own login are not emulated, only its routes are`);
		}
	}

	/** Adds the login's routes to an Api (1.10 and later). */
	attach(scope, { api, prefix = "/auth" }) {
		const path = prefix.replace(/\/+$/, "");
		api.addRoutes(scope, {
			[`ANY ${path}/{proxy+}`]: { function: this.authenticator, authorizer: "none" },
			[`GET ${path || "/"}`]: { function: this.authenticator, authorizer: "none" },
		});
		for (const key of [`ANY ${path}/{proxy+}`, `GET ${path || "/"}`]) {
			api.getFunction(key).addEnvironment("SST_AUTH_PREFIX", path);
		}
	}

	[BINDING]() {
		return { type: "Auth", properties: {} };
	}
}

// SST 0.x has the providers at top level, and a user pool only when `cognito` asks for one.
function modernProps(props) {
	const legacy = LEGACY.filter((name) => props[name] !== undefined);
	if (legacy.length === 0 && props.cognito === undefined) {
		return { ...props, userPool: true };
	}
	const cognito = props.cognito === true || !props.cognito ? {} : props.cognito;
	const federation = Object.fromEntries(legacy.map((name) => [name, props[name]]));
	if (props.identityPool) {
		federation.cdk = { cfnIdentityPool: props.identityPool };
	}
	return {
		userPool: Boolean(props.cognito),
		login: loginOf(cognito),
		triggers: cognito.triggers,
		defaults: { function: cognito.defaultFunctionProps },
		cdk: { userPool: cognito.userPool, userPoolClient: cognito.userPoolClient },
		identityPoolFederation: props.identityPoolFederation ?? federation,
	};
}

const loginOf = (cognito) =>
	cognito.userPool?.signInAliases &&
	Object.keys(cognito.userPool.signInAliases).filter(
		(key) => cognito.userPool.signInAliases[key],
	);

function identityRole(scope, id, pool, kind) {
	const conditions = {
		StringEquals: { "cognito-identity.amazonaws.com:aud": pool },
		"ForAnyValue:StringLike": { "cognito-identity.amazonaws.com:amr": kind },
	};
	const assumedBy = new Principal(
		"Federated",
		"cognito-identity.amazonaws.com",
		conditions,
		"sts:AssumeRoleWithWebIdentity",
	);
	return new Role(scope, id, { assumedBy });
}

function addDomain(pool, id, options = {}) {
	const prefix = options.cognitoDomain?.domainPrefix;
	new Resource(pool, id, "AWS::Cognito::UserPoolDomain", {
		UserPoolId: pool.userPoolId,
		Domain: prefix ?? options.customDomain?.domainName,
	});
	const region = Stack.of(pool).region;
	return {
		domainName: prefix,
		baseUrl: () => `https://${prefix}.auth.${region}.amazoncognito.com`,
	};
}
