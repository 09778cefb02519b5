// The settings of user pools and identity pools: SST's and the CDK's names to CloudFormation's
// (reference sst 3.2).

const ALIASES = {
	email: "email",
	phone: "phone_number",
	preferredUsername: "preferred_username",
};

export function need(value, name, sentence) {
	if (!value) {
		throw new Error(`${name}: ${sentence} the "Auth" construct`);
	}
}

export function socialProviders({ amazon, apple, facebook, google, twitter }) {
	const providers = {};
	if (amazon) {
		need(amazon.appId, "AmazonAppId", "No Amazon appId defined for");
		providers["www.amazon.com"] = amazon.appId;
	}
	if (facebook) {
		need(facebook.appId, "FacebookAppId", "No Facebook appId defined for");
		providers["graph.facebook.com"] = facebook.appId;
	}
	if (google) {
		need(google.clientId, "GoogleClientId", "No Google appId defined for");
		providers["accounts.google.com"] = google.clientId;
	}
	if (twitter) {
		need(twitter.consumerKey, "TwitterConsumerKey", "No Twitter consumer key defined for");
		need(
			twitter.consumerSecret,
			"TwitterConsumerSecret",
			"No Twitter consumer secret defined for",
		);
		providers["api.twitter.com"] = `${twitter.consumerKey};${twitter.consumerSecret}`;
	}
	if (apple) {
		need(apple.servicesId, "AppleServicesId", "No Apple servicesId defined for");
		providers["appleid.apple.com"] = apple.servicesId;
	}
	return providers;
}

export function loginAttributes(login = ["username"]) {
	const names = login.map((name) => ALIASES[name]).filter(Boolean);
	if (names.length === 0) {
		return {};
	}
	const aliased = login.includes("username") || login.includes("preferredUsername");
	return {
		[aliased ? "AliasAttributes" : "UsernameAttributes"]: names,
		AutoVerifiedAttributes: names.filter((name) => name !== "preferred_username"),
	};
}

export function passwordPolicy(policy) {
	return (
		policy && {
			PasswordPolicy: {
				MinimumLength: policy.minLength,
				RequireLowercase: policy.requireLowercase,
				RequireUppercase: policy.requireUppercase,
				RequireNumbers: policy.requireDigits,
				RequireSymbols: policy.requireSymbols,
			},
		}
	);
}

export function authFlows(flows) {
	if (!flows) {
		return undefined;
	}
	const names = {
		adminUserPassword: "ALLOW_ADMIN_USER_PASSWORD_AUTH",
		custom: "ALLOW_CUSTOM_AUTH",
		userPassword: "ALLOW_USER_PASSWORD_AUTH",
		userSrp: "ALLOW_USER_SRP_AUTH",
	};
	const asked = Object.keys(names)
		.filter((key) => flows[key])
		.map((key) => names[key]);
	return [...asked, "ALLOW_REFRESH_TOKEN_AUTH"];
}
