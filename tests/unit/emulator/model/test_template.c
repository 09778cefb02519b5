/* Each intrinsic function, and each mistake's message. */
#include "model_test.h"

#define QUEUE "'Q':{'Type':'AWS::SQS::Queue','Properties':{'QueueName':'jobs'}}"

/* The value of the output "X" of a stack with the members given. */
static void gives(const char *members, const char *value, const char *expected)
{
	AUTO_FREE char *all = xasprintf("%s,'Outputs':{'X':{'Value':%s}}", members, value);
	struct err err = ERR_INIT;
	struct model *m = build_members(all, &err);
	if (!m) {
		fail_msg("%s: %s", value, err.msg);
	}
	assert_string_equal(m->outputs[0].value, expected);
	model_destroy(m);
}

static void fails(const char *members, const char *value, const char *expected)
{
	AUTO_FREE char *all = xasprintf("%s,'Outputs':{'X':{'Value':%s}}", members, value);
	refuse(all, expected);
}

#define R "'Resources':{" QUEUE "}"
#define P                                                                                         \
	R ",'Parameters':{'Text':{'Type':'String','Default':'hello'},'Number':{'Type':'Number',"  \
	  "'Default':7},'List':{'Type':'CommaDelimitedList','Default':'a, "                       \
	  "b,c'},'Bare':{'Type':'String'}},"                                                      \
	  "'Mappings':{'M':{'us-east-1':{'size':'big'}}},'Conditions':{"                          \
	  "'Yes':{'Fn::Equals':[{'Ref':'Text'},'hello']},'No':{'Fn::Not':[{'Condition':'Yes'}]}," \
	  "'Seven':{'Fn::Equals':[{'Ref':'Number'},'7']},"                                        \
	  "'Both':{'Fn::And':[{'Condition':'Yes'},{'Condition':'No'}]},"                          \
	  "'Either':{'Fn::Or':[{'Condition':'Yes'},{'Condition':'No'}]},"                         \
	  "'Loop':{'Fn::Not':[{'Condition':'Loop'}]}}"

static void refs(void **state)
{
	(void)state;
	gives(P, "{'Ref':'Text'}", "hello");
	gives(P, "{'Ref':'Number'}", "7");
	gives(P, "{'Fn::Join':['-',{'Ref':'List'}]}", "a-b-c");
	gives(P, "{'Ref':'Q'}", "https://sqs.us-east-1.amazonaws.com/123456789012/jobs");
	gives(P, "{'Ref':'AWS::Region'}", "us-east-1");
	gives(P, "{'Ref':'AWS::AccountId'}", "123456789012");
	gives(P, "{'Ref':'AWS::StackName'}", "S");
	gives(P, "{'Fn::Sub':'${AWS::Partition} ${AWS::URLSuffix}'}", "aws amazonaws.com");
	fails(P, "{'Ref':'Nope'}",
		"stack 'S', Outputs.X.Ref: there is no resource or parameter 'Nope' in the "
		"template");
	fails(P, "{'Ref':'Bare'}",
		"stack 'S', Outputs.X.Ref: parameter 'Bare' has no default value; give it one for "
		"local runs");
}

static void attributes(void **state)
{
	(void)state;
	gives(P, "{'Fn::GetAtt':['Q','Arn']}", "arn:aws:sqs:us-east-1:123456789012:jobs");
	gives(P, "{'Fn::GetAtt':'Q.QueueName'}", "jobs");
	gives("'Resources':{'T':{'Type':'Custom::Thing'}}",
		"{'Fn::Select':[0,{'Fn::Split':['-',"
		"{'Fn::GetAtt':['T','What']}]}]}",
		"S");
	gives("'Resources':{'T':{'Type':'AWS::AppSync::GraphQLApi'}}",
		"{'Fn::Select':[2,{'Fn::Split':[':',{'Fn::GetAtt':['T','Arn']}]}]}", "appsync");
	fails(P, "{'Fn::GetAtt':'Q'}", "stack 'S', Outputs.X.Fn::GetAtt: 'Q' names no attribute");
	fails("'Resources':{'R':{'Type':'AWS::ApiGatewayV2::Api'}}", "{'Fn::GetAtt':'R.Nope'}",
		"stack 'S', Outputs.X.Fn::GetAtt: 'R' (AWS::ApiGatewayV2::Api) has no attribute "
		"'Nope'");
}

static void substitution(void **state)
{
	(void)state;
	gives(P, "{'Fn::Sub':'a ${Text} ${Q.Arn} ${!Text} $ {x} ${'}",
		"a hello arn:aws:sqs:us-east-1:123456789012:jobs ${Text} $ {x} ${");
	gives(P, "{'Fn::Sub':['${V}-${Text}-${N}',{'V':{'Ref':'Number'},'N':2.5}]}", "7-hello-2.5");
	fails(P, "{'Fn::Sub':'${Nope}'}",
		"stack 'S', Outputs.X.Fn::Sub: there is no resource or parameter 'Nope' in the "
		"template");
	fails(P, "{'Fn::Sub':'${List}'}", "stack 'S', Outputs.X.Fn::Sub: '${List}' is no text");
}

static void lists(void **state)
{
	(void)state;
	gives(P, "{'Fn::Join':['',['a',1,true]]}", "a1true");
	gives(P, "{'Fn::Select':['1',['a','b']]}", "b");
	gives(P, "{'Fn::Select':[2,{'Fn::GetAZs':''}]}", "us-east-1c");
	gives(P, "{'Fn::Join':['+',{'Fn::Split':['::','a::b::']}]}", "a+b+");
	gives(P, "{'Fn::Join':[' ',{'Fn::Cidr':['10.0.0.0/16',3,8]}]}",
		"10.0.0.0/24 10.0.1.0/24 10.0.2.0/24");
	gives(P, "{'Fn::Join':[',',['a',{'Ref':'AWS::NoValue'},'b']]}", "a,b");
	fails(P, "{'Fn::Select':[2,['a']]}",
		"stack 'S', Outputs.X.Fn::Select: index 2 is outside a list of 1");
	fails(P, "{'Fn::Join':['-','x']}",
		"stack 'S', Outputs.X.Fn::Join: takes a separator and a list");
	fails(P, "{'Fn::Split':['','x']}",
		"stack 'S', Outputs.X.Fn::Split: takes a separator and text");
}

static void conditions(void **state)
{
	(void)state;
	gives(P, "{'Fn::If':['Yes','y',{'Ref':'Nope'}]}", "y");
	gives(P, "{'Fn::If':['No',{'Ref':'Nope'},'n']}", "n");
	gives(P, "{'Fn::If':['Seven','y','n']}", "y");
	gives(P, "{'Fn::If':['Both','y','n']}", "n");
	gives(P, "{'Fn::If':['Either','y','n']}", "y");
	gives(P, "{'Fn::Not':[{'Condition':'No'}]}", "true");
	fails(P, "{'Fn::If':['Loop','y','n']}",
		"stack 'S', Conditions.Loop.Fn::Not[0].Condition: condition 'Loop' depends on "
		"itself");
	fails(P, "{'Fn::If':['Nope','y','n']}",
		"stack 'S', Outputs.X.Fn::If: there is no condition 'Nope'");
}

static void mappings_and_encoding(void **state)
{
	(void)state;
	gives(P, "{'Fn::FindInMap':['M',{'Ref':'AWS::Region'},'size']}", "big");
	gives(P, "{'Fn::FindInMap':['M','x','size',{'DefaultValue':'small'}]}", "small");
	gives(P, "{'Fn::Base64':{'Ref':'Text'}}", "aGVsbG8=");
	fails(P, "{'Fn::FindInMap':['M','x','size']}",
		"stack 'S', Outputs.X.Fn::FindInMap: mapping 'M' has no value for 'x', 'size'");
	fails(P, "{'Fn::FindInMap':['Z','x','size']}",
		"stack 'S', Outputs.X.Fn::FindInMap: there is no mapping 'Z'");
	fails(P, "{'Fn::Nope':[]}",
		"stack 'S', Outputs.X.Fn::Nope: the function 'Fn::Nope' is not known");
}

static void conditions_leave_resources_and_outputs_out(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	const char *text =
		"'Conditions':{'No':{'Fn::Equals':['a','b']}},'Resources':{'Q':{'Type':"
		"'AWS::SQS::Queue','Condition':'No','Properties':{'X':{'Ref':'Nope'}}},"
		"'T':{'Type':'AWS::SNS::Topic'}},'Outputs':{'A':{'Condition':'No','Value':{'Ref':"
		"'Q'}}}";
	struct model *m = build_members(text, &err);
	assert_non_null(m);
	assert_int_equal(m->n_outputs, 0);
	assert_int_equal(m->n_notes, 1);
	assert_string_equal(m->notes[0].text, "AWS::SNS::Topic 'T' is not emulated");
	model_destroy(m);
	fails("'Conditions':{'No':{'Fn::Equals':['a','b']}},'Resources':{'Q':{'Type':'AWS::SQS::"
	      "Queue',"
	      "'Condition':'No'}}",
		"{'Ref':'Q'}",
		"stack 'S', Outputs.X.Ref: resource 'Q' is not created, as its condition 'No' is "
		"false");
}

static void circles_are_refused(void **state)
{
	(void)state;
	refuse("'Resources':{'A':{'Type':'AWS::SQS::Queue','Properties':{'QueueName':{'Ref':'B'}}},"
	       "'B':{'Type':'AWS::SQS::Queue','Properties':{'QueueName':{'Ref':'A'}}}}",
		"stack 'S', resource 'A', Properties.QueueName.Ref: the name of 'B' depends on "
		"itself");
	refuse("'Resources':{'A':{'Type':'AWS::SQS::Queue','Properties':{'X':{'Ref':'B'}}},"
	       "'B':{'Type':'AWS::SNS::Topic','Properties':{'X':{'Fn::Sub':'${C}'}}},"
	       "'C':{'Type':'AWS::SNS::Topic','Properties':{'X':{'Fn::GetAtt':'B.TopicArn'}}}}",
		"stack 'S': circular dependency between resources: [B, C]");
	/* What has no name of its own goes round by its properties. */
	refuse("'Resources':{'A':{'Type':'AWS::ApiGatewayV2::Stage','Properties':{'StageName':{'"
	       "Ref':'A'}}}}",
		"stack 'S', resource 'A', Properties.StageName: references nest deeper than 200");
}

static void growth_is_bounded(void **state)
{
	(void)state;
	struct buf text = BUF_INIT(65536);
	buf_add_str(&text, "'Resources':{");
	for (int i = 0; i < 40; i++) {
		buf_addf(&text,
			"%s'N%d':{'Type':'AWS::SQS::Queue','Properties':{'QueueName':{'Fn::Sub':"
			"'${N%d.QueueName}${N%d.QueueName}'}}}",
			i ? "," : "", i, i + 1, i + 1);
	}
	buf_add_str(&text, ",'N40':{'Type':'AWS::SQS::Queue','Properties':{'QueueName':'x'}}}");
	struct err err = ERR_INIT;
	assert_null(build_members(buf_cstr(&text), &err));
	assert_non_null(strstr(err.msg, "text is larger than 1048576 bytes"));
	buf_fini(&text);
}

static void stacks_import_from_each_other(void **state)
{
	(void)state;
	struct model *m = build_fixture("exports.json");
	assert_int_equal(m->n_outputs, 2);
	assert_string_equal(m->outputs[1].value, "got arn:aws:sns:us-east-1:123456789012:news");
	model_destroy(m);
	fails(R, "{'Fn::ImportValue':'nope'}",
		"stack 'S', Outputs.X.Fn::ImportValue: no stack exports 'nope'");
}

static void shapes_are_checked(void **state)
{
	(void)state;
	refuse("'Outputs':{}", "stack 'S' has no Resources");
	refuse("'Resources':{'A':{}}", "stack 'S', resource 'A' has no Type");
	refuse("'Resources':{'A':{'Type':'T','Properties':[]}}",
		"stack 'S', resource 'A' (T), Properties: must be an object");
	refuse("'Resources':{'A':{'Type':'T'},'A':{'Type':'T'}}",
		"stack 'S', resource 'A' (T): stands twice in the template");
	struct err err = ERR_INIT;
	assert_null(build_from(SPAN("{\"stacks\":[]}"), &err));
	assert_string_equal(err.msg, "the app has no stacks");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refs),
		cmocka_unit_test(attributes),
		cmocka_unit_test(substitution),
		cmocka_unit_test(lists),
		cmocka_unit_test(conditions),
		cmocka_unit_test(mappings_and_encoding),
		cmocka_unit_test(conditions_leave_resources_and_outputs_out),
		cmocka_unit_test(circles_are_refused),
		cmocka_unit_test(growth_is_bounded),
		cmocka_unit_test(stacks_import_from_each_other),
		cmocka_unit_test(shapes_are_checked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
