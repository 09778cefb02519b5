/* What cannot work as declared is refused, with the resource's name; what can is built. */
#include "model_test.h"

#define FUNCTION                                                                          \
	"'F':{'Type':'AWS::Lambda::Function','Properties':{'FunctionName':'f','Runtime':" \
	"'nodejs18.x','Handler':'x.y'}}"
#define API "'A':{'Type':'AWS::ApiGatewayV2::Api','Properties':{'ProtocolType':'HTTP','Name':'n'}}"
#define STAGE                                                                                     \
	"'S':{'Type':'AWS::ApiGatewayV2::Stage','Properties':{'ApiId':{'Ref':'A'},'StageName':'$" \
	"default'}}"
#define INTEGRATION                                                                       \
	"'I':{'Type':'AWS::ApiGatewayV2::Integration','Properties':{'ApiId':{'Ref':'A'}," \
	"'IntegrationType':'AWS_PROXY','IntegrationUri':{'Fn::GetAtt':'F.Arn'},"          \
	"'PayloadFormatVersion':'2.0'}}"
#define JWT                                                                                     \
	"'J':{'Type':'AWS::ApiGatewayV2::Authorizer','Properties':{'ApiId':{'Ref':'A'},"        \
	"'AuthorizerType':'JWT','Name':'j','IdentitySource':['$request.header.Authorization']," \
	"'JwtConfiguration':{'Issuer':'https://issuer','Audience':['a']}}}"
#define BASE "'Resources':{" FUNCTION "," API "," STAGE "," INTEGRATION "," JWT ","
#define ROUTE_ID(id, key, more)                                                                   \
	"'" id                                                                                    \
	"':{'Type':'AWS::ApiGatewayV2::Route','Properties':{'ApiId':{'Ref':'A'},'RouteKey':'" key \
	"','Target':{'Fn::Sub':'integrations/${I}'}" more "}}"
#define ROUTE(key, more) ROUTE_ID("R", key, more)
#define PERMISSION(path)                                                                           \
	",'P':{'Type':'AWS::Lambda::Permission','Properties':{'Action':'lambda:InvokeFunction',"   \
	"'FunctionName':{'Ref':'F'},'Principal':'apigateway.amazonaws.com','SourceArn':{'Fn::Sub'" \
	":"                                                                                        \
	"'arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${A}/" path "'}}}"
#define AT_R "stack 'S', resource 'R' (AWS::ApiGatewayV2::Route), "

static struct model *built(const char *members)
{
	struct err err = ERR_INIT;
	struct model *m = build_members(members, &err);
	if (!m) {
		fail_msg("%s", err.msg);
	}
	return m;
}

static void route_keys(void **state)
{
	(void)state;
	static const struct {
		const char *key, *fault;
	} bad[] = {
		{ "get /x",
			"the method must be ANY, GET, HEAD, OPTIONS, PATCH, POST, PUT or DELETE" },
		{ "GET", "must be 'METHOD /path' or $default" },
		{ "GET x", "the path must start with '/'" },
		{ "GET /x/", "the path must not end in '/'" },
		{ "GET /x?y", "the path must not hold '?', '#' or blanks" },
		{ "GET /a{x}", "a {variable} must be a whole path segment" },
		{ "GET /{x+}/y", "a greedy {variable+} must be the last segment" },
		{ "GET /{}", "a {variable} must be a whole path segment" },
		{ "GET /{+}", "a {variable} needs a plain name" },
	};
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		AUTO_FREE char *members = xasprintf(BASE ROUTE("%s", "") "}", bad[i].key);
		AUTO_FREE char *message =
			xasprintf(AT_R "RouteKey: '%s': %s", bad[i].key, bad[i].fault);
		/* build_members takes ' for ", the message does not. */
		refuse(members, message);
	}
	static const char *const good[] = { "GET /", "ANY /{proxy+}", "$default",
		"DELETE /a/{b}/c.d-e~f" };
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		AUTO_FREE char *members = xasprintf(BASE ROUTE("%s", "") "}", good[i]);
		model_destroy(built(members));
	}
}

static void routes(void **state)
{
	(void)state;
	refuse(BASE ROUTE("GET /x", "") "," ROUTE_ID("R2", "GET /x", "") "}",
		"stack 'S', resource 'R2' (AWS::ApiGatewayV2::Route), RouteKey: the API has a "
		"route 'GET /x' "
		"already");
	refuse(BASE "'R':{'Type':'AWS::ApiGatewayV2::Route','Properties':{'ApiId':{'Ref':'A'},'"
		    "RouteKey':"
		    "'GET /x','Target':'integrations/zzz'}}}",
		AT_R "Target: 'integrations/zzz' is no integration of the API");
	refuse(BASE ROUTE("GET /x", ",'AuthorizationType':'JWT','AuthorizerId':'zzz'") "}",
		AT_R "AuthorizerId: 'zzz' is no authorizer of the API");
	refuse(BASE ROUTE("GET /x", ",'AuthorizationType':'CUSTOM','AuthorizerId':{'Ref':'J'}") "}",
		AT_R "AuthorizationType: 'CUSTOM' does not fit authorizer 'J'");
	refuse(BASE ROUTE("GET /x", ",'AuthorizationType':'BASIC'") "}",
		AT_R "AuthorizationType: 'BASIC' must be NONE, AWS_IAM, JWT or CUSTOM");
	struct model *m = built(BASE ROUTE("GET /x", ",'AuthorizationType':'JWT','AuthorizerId':{'"
						     "Ref':'J'},'AuthorizationScopes':['s']") "}");
	const struct model_route *r = &m->apis[0].routes[0];
	assert_int_equal(r->authorization, MODEL_AUTH_JWT);
	assert_string_equal(r->authorizer->issuer, "https://issuer");
	assert_string_equal(r->authorizer->audience.at[0], "a");
	assert_string_equal(r->scopes.at[0], "s");
	model_destroy(m);
}

/* A permission decides, as in the cloud; without one the route answers 500 and a note says why. */
static void permissions(void **state)
{
	(void)state;
	static const struct {
		const char *key, *source;
		bool may;
	} cases[] = {
		{ "GET /x", "*/*/x", true },
		{ "GET /x", "*/GET/x", true },
		{ "GET /x", "*", true },
		{ "GET /x", "$default/GET/x", true },
		{ "GET /x", "*/POST/x", false },
		{ "GET /x", "other/GET/x", false },
		{ "GET /x", "*/*/y", false },
		{ "ANY /x", "*/POST/x", true },
		{ "GET /p/{id}", "*/GET/p/*", true },
		{ "$default", "*/$default", true },
		{ "$default", "*/*", true },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		AUTO_FREE char *members = xasprintf(
			BASE ROUTE("%s", "") PERMISSION("%s") "}", cases[i].key, cases[i].source);
		struct model *m = built(members);
		assert_int_equal(m->apis[0].routes[0].integration->may_invoke, cases[i].may);
		model_destroy(m);
	}
	struct model *m = built(BASE ROUTE("GET /x", "") "}");
	assert_false(m->apis[0].routes[0].integration->may_invoke);
	assert_int_equal(m->n_notes, 1);
	assert_string_equal(m->notes[0].text,
		"route 'GET /x' of API 'A' answers 500: no "
		"AWS::Lambda::Permission lets it invoke function 'F'");
	model_destroy(m);
}

/* {type, properties, message}: one wrong resource beside the base. */
static void resources(void **state)
{
	(void)state;
	static const struct {
		const char *type, *properties, *message;
	} bad[] = {
		{ "AWS::ApiGatewayV2::Integration",
			"'ApiId':{'Ref':'A'},'IntegrationType':'AWS_PROXY','IntegrationUri':{'Fn::"
			"GetAtt':"
			"'F.Arn'},'PayloadFormatVersion':'3.0'",
			"PayloadFormatVersion: '3.0' must be 1.0 or 2.0" },
		{ "AWS::ApiGatewayV2::Integration", "'ApiId':{'Ref':'A'},'IntegrationType':'MOCK'",
			"IntegrationType: 'MOCK' must be AWS_PROXY or HTTP_PROXY" },
		{ "AWS::ApiGatewayV2::Integration",
			"'ApiId':{'Ref':'A'},'IntegrationType':'HTTP_PROXY','IntegrationUri':'ftp:/"
			"/x'",
			"IntegrationUri: 'ftp://x' must be an http or https URL" },
		{ "AWS::ApiGatewayV2::Integration",
			"'ApiId':{'Ref':'A'},'IntegrationType':'AWS_PROXY','TimeoutInMillis':30001",
			"TimeoutInMillis: must be from 50 to 30000" },
		{ "AWS::ApiGatewayV2::Authorizer", "'ApiId':{'Ref':'A'},'AuthorizerType':'TOKEN'",
			"AuthorizerType: 'TOKEN' must be JWT or REQUEST" },
		{ "AWS::ApiGatewayV2::Authorizer",
			"'ApiId':{'Ref':'A'},'AuthorizerType':'JWT','IdentitySource':['$request."
			"header.A'],"
			"'JwtConfiguration':{'Issuer':'issuer'}",
			"JwtConfiguration.Issuer: 'issuer' must be a URL" },
		{ "AWS::ApiGatewayV2::Authorizer",
			"'ApiId':{'Ref':'A'},'AuthorizerType':'JWT','IdentitySource':['$header.A'],"
			"'JwtConfiguration':{'Issuer':'https://i'}",
			"IdentitySource: '$header.A' must be like $request.header.NAME or "
			"$request.querystring.NAME" },
		{ "AWS::ApiGatewayV2::Authorizer",
			"'ApiId':{'Ref':'A'},'AuthorizerType':'REQUEST','AuthorizerUri':{'Fn::"
			"GetAtt':'F.Arn'},"
			"'AuthorizerPayloadFormatVersion':'1.0','EnableSimpleResponses':true",
			"EnableSimpleResponses: needs AuthorizerPayloadFormatVersion 2.0" },
		{ "AWS::ApiGatewayV2::Authorizer",
			"'ApiId':{'Ref':'A'},'AuthorizerType':'REQUEST','AuthorizerUri':{'Fn::"
			"GetAtt':'F.Arn'},"
			"'AuthorizerPayloadFormatVersion':'2.0','AuthorizerResultTtlInSeconds':"
			"3601",
			"AuthorizerResultTtlInSeconds: must be from 0 to 3600" },
		{ "AWS::ApiGatewayV2::Stage", "'ApiId':{'Ref':'A'},'StageName':'a b'",
			"StageName: 'a b' must be $default or at most 128 letters, digits, '-' or "
			"'_'" },
		{ "AWS::ApiGatewayV2::Stage", "'ApiId':{'Ref':'A'},'StageName':'$default'",
			"StageName: the API has a stage '$default' already" },
		{ "AWS::ApiGatewayV2::Stage",
			"'ApiId':{'Ref':'A'},'StageName':'s','AccessLogSettings':{'Format':'"
			"$context.status'}",
			"AccessLogSettings.Format: must hold $context.requestId or "
			"$context.extendedRequestId" },
		{ "AWS::ApiGatewayV2::Stage",
			"'ApiId':{'Ref':'A'},'StageName':'s','StageVariables':{'v':'a b'}",
			"StageVariables: 'v' must have at most 64 characters, its value 1 to 512 "
			"of A-Z a-z 0-9 - . _ ~ : / ? # & = ," },
		{ "AWS::ApiGatewayV2::Stage",
			"'ApiId':{'Ref':'A'},'StageName':'s','DefaultRouteSettings':{"
			"'ThrottlingRateLimit':-1}",
			"Throttling: limits cannot be negative" },
		{ "AWS::ApiGatewayV2::Api",
			"'CorsConfiguration':{'AllowOrigins':['*'],'AllowCredentials':true}",
			"AllowCredentials: allow-credentials is not supported if 'allow-origin' is "
			"*" },
		{ "AWS::ApiGatewayV2::Api", "'ProtocolType':'SOAP'",
			"ProtocolType: 'SOAP' must be HTTP or WEBSOCKET" },
		{ "AWS::Lambda::Function",
			"'FunctionName':'g','Runtime':'nodejs18.x','Handler':'x',"
			"'Timeout':901",
			"Timeout: must be a whole number from 1 to 900" },
		{ "AWS::Lambda::Function",
			"'FunctionName':'g','Runtime':'nodejs18.x','Handler':'x',"
			"'MemorySize':'64'",
			"MemorySize: must be a whole number from 128 to 10240" },
		{ "AWS::Lambda::Function",
			"'FunctionName':'f','Runtime':'nodejs18.x','Handler':'x'",
			"FunctionName: 'F' has the name 'f' too" },
		{ "AWS::Lambda::Function", "'Runtime':'nodejs18.x'", "Handler: is missing" },
		{ "AWS::Lambda::Url", "'TargetFunctionArn':{'Ref':'F'},'AuthType':'X'",
			"AuthType: 'X' must be NONE or AWS_IAM" },
		{ "AWS::IAM::Role", "'RoleName':'r'",
			"AssumeRolePolicyDocument: must be a policy document" },
		{ "AWS::IAM::Policy",
			"'PolicyDocument':{'Statement':[{'Effect':'Allow','Action':'*'}]}",
			"PolicyDocument: each Statement needs a Resource or a NotResource" },
		{ "AWS::IAM::Policy", "'PolicyDocument':{'Statement':{'Effect':'allow'}}",
			"PolicyDocument: each Statement needs an Effect, Allow or Deny" },
		{ "AWS::IAM::Policy", "'PolicyDocument':{'Version':'2020','Statement':[]}",
			"PolicyDocument: Version '2020' must be 2012-10-17 or 2008-10-17" },
		{ "AWS::IAM::OIDCProvider", "'Url':'http://issuer.example'",
			"Url: 'http://issuer.example' must be an https URL" },
		{ "AWS::Cognito::IdentityPoolRoleAttachment", "'IdentityPoolId':'x'",
			"IdentityPoolId: 'x' is no identity pool of the app" },
	};
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		AUTO_FREE char *members = xasprintf(BASE "'X':{'Type':'%s','Properties':{%s}}}",
			bad[i].type, bad[i].properties);
		AUTO_FREE char *message =
			xasprintf("stack 'S', resource 'X' (%s), %s", bad[i].type, bad[i].message);
		refuse(members, message);
	}
}

/* Reference api-gateway 6 and 10: what the service never raises is refused one above, and not at it. */
static void quotas(void **state)
{
	(void)state;
	static const struct {
		const char *type, *head, *item, *tail, *message;
		size_t most;
	} rows[] = {
		{ "AWS::ApiGatewayV2::Authorizer",
			"'ApiId':{'Ref':'A'},'AuthorizerType':'JWT','IdentitySource':['$request."
			"header.A'],'JwtConfiguration':{'Issuer':'https://i','Audience':[",
			"'a'", "]}",
			"JwtConfiguration.Audience: has 51 entries, at most 50 are allowed", 50 },
		{ "AWS::ApiGatewayV2::Route",
			"'ApiId':{'Ref':'A'},'RouteKey':'GET /x','AuthorizationType':'JWT',"
			"'AuthorizerId':{'Ref':'J'},'Target':{'Fn::Sub':'integrations/${I}'},"
			"'AuthorizationScopes':[",
			"'s'", "]", "AuthorizationScopes: has 11 entries, at most 10 are allowed",
			10 },
		{ "AWS::ApiGatewayV2::Stage",
			"'ApiId':{'Ref':'A'},'StageName':'s','StageVariables':{", "'v%zu':'1'", "}",
			"StageVariables: a stage has at most 100", 100 },
		{ "AWS::ApiGatewayV2::Stage",
			"'ApiId':{'Ref':'A'},'StageName':'s','AccessLogSettings':{'Format':"
			"'$context.requestId",
			"x", "'}",
			"AccessLogSettings.Format: has 3073 bytes, at most 3072 are allowed",
			3072 - 18 },
		{ "AWS::ApiGatewayV2::Stage",
			"'ApiId':{'Ref':'A'},'StageName':'s','StageVariables':{'v':'", "x", "'}",
			"StageVariables: 'v' must have at most 64 characters, its value 1 to 512 "
			"of A-Z a-z 0-9 - . _ ~ : / ? # & = ,",
			512 },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		for (size_t over = 0; over < 2; over++) {
			struct buf text = BUF_INIT(1 << 20);
			buf_addf(&text, BASE "'X':{'Type':'%s','Properties':{%s", rows[i].type,
				rows[i].head);
			bool list = rows[i].item[0] == '\'';
			for (size_t k = 0; k < rows[i].most + over; k++) {
				buf_add_str(&text, k && list ? "," : "");
				AUTO_FREE char *numbered = xasprintf("'v%zu':'1'", k);
				bool names = strchr(rows[i].item, '%');
				buf_add_str(&text, names ? numbered : rows[i].item);
			}
			buf_addf(&text, "%s}}}", rows[i].tail);
			AUTO_FREE char *message = xasprintf(
				"stack 'S', resource 'X' (%s), %s", rows[i].type, rows[i].message);
			if (over) {
				refuse(buf_cstr(&text), message);
			} else {
				model_destroy(built(buf_cstr(&text)));
			}
			buf_fini(&text);
		}
	}
}

/* Those that are raised on request are told once. */
static void raised_quotas_are_noted(void **state)
{
	(void)state;
	for (size_t n = 10; n < 12; n++) {
		struct buf text = BUF_INIT(1 << 20);
		buf_addf(&text, "'Resources':{" API);
		for (size_t i = 0; i < n; i++) {
			buf_addf(&text,
				",'S%zu':{'Type':'AWS::ApiGatewayV2::Stage','Properties':{"
				"'ApiId':{'Ref':'A'},'StageName':'s%zu'}}",
				i, i);
		}
		buf_add_char(&text, '}');
		struct model *m = built(buf_cstr(&text));
		assert_int_equal(m->n_notes, n > 10);
		if (n > 10) {
			assert_string_equal(m->notes[0].text,
				"API 'A' has 11 stages: the service's quota is 10 unless raised");
		}
		model_destroy(m);
		buf_fini(&text);
	}
}

static void roles_gather_their_policies(void **state)
{
	(void)state;
#define DOCUMENT(action)                                                           \
	"{'Version':'2012-10-17','Statement':[{'Effect':'Allow','Action':'" action \
	"','Resource':'*'}]}"
	struct model *m = built(
		"'Resources':{'R':{'Type':'AWS::IAM::Role','Properties':{'RoleName':'r','Path':"
		"'/x/','AssumeRolePolicyDocument':{'Statement':[{'Effect':'Allow','Action':"
		"'sts:AssumeRole','Principal':'*'}]},'Policies':[{'PolicyDocument':" DOCUMENT(
			"a:A") "}],'ManagedPolicyArns':[{'Ref':'M'},"
			       "'arn:aws:iam::aws:policy/AdministratorAccess',"
			       "'arn:aws:iam::aws:policy/Unheard']}},"
			       "'M':{'Type':'AWS::IAM::ManagedPolicy','Properties':{"
			       "'PolicyDocument':" DOCUMENT(
				       "b:B") "}},'P':{'Type':'AWS::IAM::Policy',"
					      "'Properties':{'Roles':[{'Ref':'R'}],"
					      "'PolicyDocument':" DOCUMENT("c:C") "}}}");
	const struct model_role *role = model_role(m, "arn:aws:iam::123456789012:role/x/r");
	assert_non_null(role);
	assert_string_equal(role->name, "r");
	assert_int_equal(role->n_policies, 4);
	static const char *const actions[] = { "a:A", "b:B", "*", "c:C" };
	for (size_t i = 0; i < COUNT_OF(actions); i++) {
		assert_string_equal(
			json_str(json_get(role->policies[i], "Statement")->child, "Action"),
			actions[i]);
	}
	assert_int_equal(m->n_notes, 1);
	assert_non_null(strstr(m->notes[0].text, "Unheard"));
	model_destroy(m);
}

static void function_urls(void **state)
{
	(void)state;
	const char *url =
		"'U':{'Type':'AWS::Lambda::Url','Properties':{'TargetFunctionArn':{'Ref':'F'},"
		"'AuthType':'NONE','InvokeMode':'RESPONSE_STREAM'}}";
	AUTO_FREE char *closed = xasprintf("'Resources':{" FUNCTION ",%s},'Outputs':{'U':{'Value':"
					   "{'Fn::GetAtt':'U.FunctionUrl'}}}",
		url);
	struct model *m = built(closed);
	const struct model_function *f = &m->functions[0];
	assert_int_equal(strlen(f->url_id), 32);
	assert_true(f->url_streaming);
	assert_false(f->url_public);
	AUTO_FREE char *expected = xasprintf("http://function-url.localhost/%s/", f->url_id);
	assert_string_equal(m->outputs[0].value, expected);
	model_destroy(m);
	AUTO_FREE char *open =
		xasprintf("'Resources':{" FUNCTION
			  ",%s,'P':{'Type':'AWS::Lambda::Permission','Properties':{'Action':"
			  "'lambda:InvokeFunctionUrl','Principal':'*','FunctionName':{'Ref':'F'},"
			  "'FunctionUrlAuthType':'NONE'}}}",
			url);
	m = built(open);
	assert_true(m->functions[0].url_public);
	model_destroy(m);
}

static void versions_and_aliases_are_qualifiers(void **state)
{
	(void)state;
	struct model *m = built(
		"'Resources':{" FUNCTION ",'V':{'Type':'AWS::Lambda::Version','Properties':{"
		"'FunctionName':{'Ref':'F'}}},'L':{'Type':'AWS::Lambda::Alias','Properties':{"
		"'FunctionName':{'Ref':'F'},'FunctionVersion':{'Fn::GetAtt':'V.Version'},'Name':"
		"'live'}}},'Outputs':{'L':{'Value':{'Ref':'L'}}}");
	const struct model_function *f = &m->functions[0];
	assert_int_equal(f->qualifiers.n, 2);
	assert_string_equal(f->qualifiers.at[0], "1");
	assert_string_equal(f->qualifiers.at[1], "live");
	assert_string_equal(
		m->outputs[0].value, "arn:aws:lambda:us-east-1:123456789012:function:f:live");
	assert_ptr_equal(model_function(m, m->outputs[0].value), f);
	model_destroy(m);
}

static void openapi_body(void **state)
{
	(void)state;
	struct model *m = built(
		"'Resources':{" FUNCTION "," STAGE
		",'A':{'Type':'AWS::ApiGatewayV2::Api','Properties':{'Body':{"
		"'openapi':'3.0.1','info':{'title':'Pets'},'components':{'securitySchemes':{'jwt':{"
		"'x-amazon-apigateway-authorizer':{'type':'jwt','identitySource':"
		"'$request.header.Authorization','jwtConfiguration':{'issuer':'https://"
		"i','audience':['x']}}}}},"
		"'x-amazon-apigateway-cors':{'allowOrigins':['https://a']},'paths':{'/pets/"
		"{id}':{'get':{"
		"'security':[{'jwt':['read']}],'x-amazon-apigateway-integration':{'type':'aws_"
		"proxy','uri':"
		"{'Fn::Sub':'arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/"
		"${F.Arn}"
		"/invocations'},'payloadFormatVersion':'2.0'}}},'/"
		"$default':{'x-amazon-apigateway-any-method':"
		"{'x-amazon-apigateway-integration':{'type':'http_proxy','httpMethod':'ANY','uri':"
		"'https://example.com','payloadFormatVersion':'1.0'}}}}}}}" PERMISSION("*") "}");
	const struct model_api *api = &m->apis[0];
	assert_string_equal(api->name, "Pets");
	assert_string_equal(api->cors->allow_origins.at[0], "https://a");
	assert_int_equal(api->n_routes, 2);
	assert_string_equal(api->routes[0].key, "GET /pets/{id}");
	assert_string_equal(api->routes[0].authorizer->name, "jwt");
	assert_string_equal(api->routes[0].scopes.at[0], "read");
	assert_string_equal(api->routes[0].integration->function, "f");
	assert_true(api->routes[0].integration->may_invoke);
	assert_string_equal(api->routes[1].key, "$default");
	assert_int_equal(api->routes[1].integration->type, MODEL_HTTP_PROXY);
	model_destroy(m);
}

/* Arrays where objects belong once met a NULL member name. */
static void openapi_of_odd_shapes(void **state)
{
	(void)state;
	model_destroy(built("'Resources':{'A':{'Type':'AWS::ApiGatewayV2::Api','Properties':{'Body'"
			    ":{'security':"
			    "[['x']],'paths':{'/a':[1],'/b':{'get':{}},'/c':2}}}}}"));
	model_destroy(built(
		"'Resources':{'A':{'Type':'AWS::ApiGatewayV2::Api','Properties':{'Body':{'paths':"
		"[[{}]]}}}}"));
}

static void quick_create(void **state)
{
	(void)state;
	struct model *m = built(
		"'Resources':{" FUNCTION ",'A':{'Type':'AWS::ApiGatewayV2::Api','Properties':{"
		"'Name':'q','ProtocolType':'HTTP','Target':{'Fn::GetAtt':'F.Arn'},'RouteKey':"
		"'GET /q'}}" PERMISSION("*") "}");
	assert_string_equal(m->apis[0].routes[0].key, "GET /q");
	assert_string_equal(m->apis[0].stages[0].name, "$default");
	assert_true(m->apis[0].routes[0].integration->may_invoke);
	model_destroy(m);
}

/* CloudFormation has lists of Destination and Source where OpenAPI has objects. */
static void response_parameters_have_two_shapes(void **state)
{
	(void)state;
	static const char *const shapes[] = {
		"{'ResponseParameters':[{'Destination':'overwrite:statuscode','Source':404},"
		"{'Destination':'append:header.x','Source':'v'}]}",
		"{'overwrite:statuscode':404,'append:header.x':'v'}",
	};
	for (size_t i = 0; i < COUNT_OF(shapes); i++) {
		AUTO_FREE char *members = xasprintf(
			"'Resources':{" FUNCTION "," API "," STAGE
			",'I':{'Type':'AWS::ApiGatewayV2::Integration','Properties':{'ApiId':{'Ref'"
			":'A'},"
			"'IntegrationType':'HTTP_PROXY','IntegrationUri':'http://b',"
			"'ResponseParameters':{'200':%s,'500':{}}}}," ROUTE("GET /x", "") "}",
			shapes[i]);
		struct model *m = built(members);
		const struct model_integration *in = m->apis[0].routes[0].integration;
		assert_int_equal(in->n_responses, 2);
		assert_int_equal(in->responses[0].status, 200);
		assert_int_equal(in->responses[0].mappings.n, 2);
		assert_string_equal(in->responses[0].mappings.at[0].key, "overwrite:statuscode");
		assert_string_equal(in->responses[0].mappings.at[0].value, "404");
		assert_string_equal(in->responses[0].mappings.at[1].key, "append:header.x");
		assert_int_equal(in->responses[1].status, 500);
		assert_int_equal(in->responses[1].mappings.n, 0);
		model_destroy(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(route_keys),
		cmocka_unit_test(routes),
		cmocka_unit_test(permissions),
		cmocka_unit_test(resources),
		cmocka_unit_test(quotas),
		cmocka_unit_test(raised_quotas_are_noted),
		cmocka_unit_test(roles_gather_their_policies),
		cmocka_unit_test(function_urls),
		cmocka_unit_test(versions_and_aliases_are_qualifiers),
		cmocka_unit_test(openapi_body),
		cmocka_unit_test(openapi_of_odd_shapes),
		cmocka_unit_test(quick_create),
		cmocka_unit_test(response_parameters_have_two_shapes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
