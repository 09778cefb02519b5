// Function and Job (reference sst 4, 1.5, 1.6).

import { Construct, shortHash } from "./construct.mjs";
import { Resource, Stack } from "./stack.mjs";
import { bindTo } from "./binding.mjs";
import { allow, attachPermissions, functionRole, STATEMENTS } from "./iam.mjs";
import { inertName, warn } from "./inert.mjs";
import { toMegabytes, toSeconds } from "./values.mjs";

const RUNTIMES =
	/^(nodejs\d+\.x|python3\.\d+|go1\.x|go|dotnet|dotnetcore|java|rust|container|provided)/;
const NAME_LIMIT = 64;

/** A Lambda function. */
export class Function extends Construct {
	constructor(scope, id, props) {
		super(scope, id);
		this.id = id;
		const stack = Stack.of(this);
		this.props = mergeFunctionProps(...defaultsFor(stack), props ?? {});
		check(id, stack, this.props);
		const { tracing = "active", role } = this.props;
		this.role = role ?? functionRole(this, tracing);
		this.environment = environmentFor(stack, this.props);
		this.resource = new Resource(
			this,
			"Resource",
			"AWS::Lambda::Function",
			this.#properties(tracing),
			{
				metadata: { offstage: describe(this.node.path, stack, this.props) },
			},
		);
		this.resource.properties.FunctionName ??= functionName(stack, this.resource.logicalId);
		this.functionName = this.resource.ref;
		this.functionArn = this.resource.getAtt("Arn");
		this.grantPrincipal = this.role;
		this.cdk = { function: this };
		stack.functions.push(this);
		this.bind(this.props.bind ?? []);
		this.bind(this.props.config ?? []);
		if (this.props.permissions) {
			this.attachPermissions(this.props.permissions);
		}
		if (this.props.url) {
			this.#createUrl(this.props.url);
		}
	}

	/** A function from a handler string, props, or an instance; `inherited` are a construct's defaults. */
	static fromDefinition(scope, id, definition, inherited, inheritError) {
		if (typeof definition === "string") {
			return new Function(
				scope,
				id,
				mergeFunctionProps(inherited ?? {}, { handler: definition }),
			);
		}
		if (definition instanceof Function) {
			if (inherited && Object.keys(inherited).length > 0) {
				throw new Error(
					inheritError ?? "Cannot inherit default props when a Function is provided",
				);
			}
			return definition;
		}
		const inert = inertName(definition);
		if (inert || definition?.handler !== undefined) {
			return new Function(scope, id, mergeFunctionProps(inherited ?? {}, definition));
		}
		throw new Error(`Invalid function definition for the "${id}" Function`);
	}

	get url() {
		return this.functionUrl?.getAtt("FunctionUrl");
	}

	addEnvironment(key, value) {
		this.environment[key] = value;
		return this;
	}

	attachPermissions(permissions) {
		attachPermissions(this.role, permissions);
	}

	bind(constructs) {
		for (const construct of constructs) {
			bindTo(this, construct);
		}
	}

	addConfig(constructs) {
		this.bind(constructs);
	}

	addToRolePolicy(statement) {
		this.role.addToPolicy(statement);
	}

	grantInvoke(grantee) {
		const role = grantee.role ?? grantee;
		role.addToPolicy?.(allow(["lambda:InvokeFunction"], [this.functionArn]));
	}

	addLayers(...layers) {
		(this.resource.properties.Layers ??= []).push(...layers.map(layerArn));
	}

	addPermission(id, { principal, action = "lambda:InvokeFunction", sourceArn }) {
		return new Resource(this, id, "AWS::Lambda::Permission", {
			Action: action,
			FunctionName: this.functionArn,
			Principal: principal?.value ?? principal,
			SourceArn: sourceArn,
		});
	}

	addEventSource(source) {
		source.bind?.(this);
	}

	[STATEMENTS]() {
		return [allow(["lambda:*"], [this.functionArn])];
	}

	#properties(tracing) {
		const { handler, runtime, srcPath, functionName, layers, architecture, description } =
			this.props;
		const name =
			typeof functionName === "function"
				? functionName({ stack: Stack.of(this), functionProps: this.props })
				: functionName;
		return {
			FunctionName: name,
			Description: description,
			Handler: srcPath === "." ? handler : `${srcPath}/${handler}`,
			Runtime: runtime,
			Role: this.role.roleArn,
			MemorySize: toMegabytes(this.props.memorySize),
			Timeout: toSeconds(this.props.timeout),
			EphemeralStorage: { Size: toMegabytes(this.props.diskSize) },
			Architectures: architecture?.startsWith?.("arm") ? ["arm64"] : undefined,
			TracingConfig: tracing === "disabled" ? undefined : { Mode: tracingMode(tracing) },
			Layers: layers?.length > 0 ? layers.map(layerArn) : undefined,
			ReservedConcurrentExecutions: this.props.reservedConcurrentExecutions,
			Environment: { Variables: this.environment },
		};
	}

	#createUrl(url) {
		const { authorizer = "none", cors = true } = url === true ? {} : url;
		const auth = authorizer === "iam" ? "AWS_IAM" : "NONE";
		this.functionUrl = new Resource(this, "FunctionUrl", "AWS::Lambda::Url", {
			AuthType: auth,
			TargetFunctionArn: this.functionArn,
			Cors: urlCors(cors),
		});
		if (auth === "NONE") {
			new Resource(this, "InvokeFunctionUrl", "AWS::Lambda::Permission", {
				Action: "lambda:InvokeFunctionUrl",
				FunctionName: this.functionArn,
				FunctionUrlAuthType: "NONE",
				Principal: "*",
			});
		}
	}
}

/** A job: under `start` a plain function (reference sst 5). */
export class Job extends Function {
	constructor(scope, id, props = {}) {
		const { memorySize, timeout = "15 minutes", ...rest } = props;
		const seconds = Math.min(toSeconds(timeout), 900);
		super(scope, id, { ...rest, timeout: seconds, memorySize: memorySize ?? "3 GB" });
	}
}

const tracingMode = (tracing) => (tracing === "pass_through" ? "PassThrough" : "Active");
const layerArn = (layer) => (typeof layer === "string" ? layer : (layer.layerVersionArn ?? layer));

function urlCors(cors) {
	if (cors === false) {
		return undefined;
	}
	const given = cors === true ? {} : cors;
	return {
		AllowCredentials: given.allowCredentials,
		AllowHeaders: given.allowHeaders ?? ["*"],
		AllowMethods: given.allowMethods ?? ["*"],
		AllowOrigins: given.allowOrigins ?? ["*"],
		ExposeHeaders: given.exposeHeaders,
		MaxAge: given.maxAge === undefined ? undefined : toSeconds(given.maxAge),
	};
}

function defaultsFor(stack) {
	const v2 = stack.app.mode !== undefined;
	const base = {
		runtime: v2 ? "nodejs18.x" : "nodejs14.x",
		srcPath: ".",
		timeout: 10,
		memorySize: 1024,
		diskSize: 512,
		enableLiveDev: true,
	};
	return [base, ...stack.app.defaultFunctionProps, ...stack.defaultFunctionProps].map((props) =>
		typeof props === "function" ? props(stack) : props,
	);
}

/** Later props win; environment, layers, bind, config and permissions add up (reference sst 1.5). */
export function mergeFunctionProps(...list) {
	const merged = {};
	for (const props of list) {
		for (const [key, value] of Object.entries(props ?? {})) {
			if (value !== undefined) {
				merged[key] = mergeProp(key, merged[key], value);
			}
		}
	}
	return merged;
}

function mergeProp(key, before, value) {
	if (key === "environment") {
		return { ...before, ...value };
	}
	if (key === "permissions" && (before === "*" || value === "*")) {
		return "*";
	}
	if (["layers", "bind", "config", "permissions"].includes(key)) {
		return [...(before ?? []), ...value];
	}
	return value;
}

function check(id, stack, props) {
	props.srcPath = props.srcPath.replace(/(?!^)\/+$/, "") || ".";
	const runtime = inertName(props.runtime) ?? props.runtime;
	props.runtime = runtime?.name ?? runtime;
	if (!props.handler) {
		throw new Error(`No handler defined for the "${id}" Lambda function`);
	}
	if (typeof props.runtime !== "string" || !RUNTIMES.test(props.runtime)) {
		throw new Error(
			`The specified runtime "${props.runtime}" of the "${id}" function is not supported for ` +
				"sst.Function. Only NodeJS, Python, Go, and .NET runtimes are currently supported.",
		);
	}
	const isV1 = stack.app.mode === undefined;
	if (isV1 && props.srcPath === "." && props.runtime.startsWith("python")) {
		throw new Error(
			`Cannot set the "srcPath" to the project root for Python functions (function "${id}"): ` +
				"put the handler into a folder of its own",
		);
	}
	if (isV1 && props.srcPath === "." && props.bundle === false) {
		throw new Error(
			`Bundle cannot be disabled for the "${id}" function since the "srcPath" is set to the ` +
				"project root",
		);
	}
	for (const [key, value] of Object.entries(props.environment ?? {})) {
		if (
			typeof value !== "string" &&
			!inertName(value) &&
			(value === null || typeof value !== "object")
		) {
			warn(`Environment variable "${key}" of the "${id}" function is not a string`);
			props.environment[key] =
				value === undefined || value === null ? undefined : String(value);
		}
	}
}

function environmentFor(stack, props) {
	return {
		AWS_NODEJS_CONNECTION_REUSE_ENABLED: "1",
		SST_APP: stack.app.name,
		SST_STAGE: stack.app.stage,
		...(stack.app.local ? { IS_LOCAL: "true" } : {}),
		...props.environment,
	};
}

/** What the agent needs to find, build and run the handler. */
function describe(path, stack, props) {
	return {
		construct: path,
		handler: props.handler,
		srcPath: props.srcPath,
		bundle: bundleOptions(stack, props),
		runtime: props.runtime,
		enableLiveDev: props.enableLiveDev !== false,
	};
}

// SST v2 has other names for these (reference sst 4.1); the agent sees one form, v1's.
function bundleOptions(stack, props) {
	if (stack.app.mode === undefined) {
		return plain(props.bundle ?? true);
	}
	const { install, esbuild, ...rest } = props.nodejs ?? {};
	return plain({
		format: props.runtime.startsWith("nodejs") ? "esm" : undefined,
		...rest,
		nodeModules: install,
		esbuildConfig: esbuild,
		copyFiles: props.copyFiles,
		...props.python,
	});
}

// The metadata crosses to another program: only what JSON can say.
const plain = (value) => JSON.parse(JSON.stringify(value));

function functionName(stack, logicalId) {
	const name = `${stack.stackName}-${logicalId}`;
	if (name.length <= NAME_LIMIT) {
		return name;
	}
	return `${name.slice(0, NAME_LIMIT - 9)}-${shortHash(name)}`;
}
